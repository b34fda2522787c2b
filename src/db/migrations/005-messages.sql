-- Messages no longer wait for another message: the feature was unused. The column stays for replicas of the previous build, which
-- write it (always null) and read it; the next release drops it.
drop index messages_blocked;
