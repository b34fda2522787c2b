/** The fence, as part of a statement: a replica that lost its lease writes nothing. `$1` is the lease's name, `$2` its epoch. */
export const FENCE = 'held as materialized (select 1 from leases where name = $1 and epoch = $2 for key share)';
