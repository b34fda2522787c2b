-- The only account that sees the message; null: everyone.
alter table web_messages add column visible_to text;
