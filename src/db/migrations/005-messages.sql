-- No message waits for another one any more: nothing asked for it. A replica of the build before, which still writes this
-- column, stops writing messages until it is replaced; it keeps its events, and they are handled then.
drop index messages_blocked;
alter table messages drop column after_key;
