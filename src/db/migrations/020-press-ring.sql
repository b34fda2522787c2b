-- The `delivered_ring` of the message when it was pressed: the next ring is a new message with new buttons. Null: written by the
-- release before.
alter table presses add column ring integer;
