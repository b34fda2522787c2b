-- The answer to a command over REST or the command line, as JSON, so that a repeat gets the same one. Kept with its event.
alter table events add column answer text;
