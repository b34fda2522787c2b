-- What came of a command that was said apart from any chat, as JSON, so that a repeat gets the same answer. Kept with its event.
alter table events add column answer text;
