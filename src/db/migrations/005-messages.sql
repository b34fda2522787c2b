-- No message waits for another one any more: nothing asked for it. The column stays for replicas of the build before, which
-- write it (always null) and read it; the release after this one drops it.
drop index messages_blocked;
