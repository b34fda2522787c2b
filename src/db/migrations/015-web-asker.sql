-- What only one account sees on its pages; null: everybody.
alter table web_messages add column visible_to text;
