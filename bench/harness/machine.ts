import { cpus, loadavg, totalmem } from 'node:os';
import { readFile } from 'node:fs/promises';

/** The machine that the numbers were measured on, in one line. */
export function describeMachine(postgresVersion: string | undefined): string {
  const processors = cpus();
  const memory = `${(totalmem() / 1024 ** 3).toFixed(0)} GiB`;
  return [
    `${processors.length} cores (${processors[0]?.model.trim() ?? 'unknown'})`,
    memory,
    `${process.platform} ${process.arch}`,
    `Node ${process.versions.node}`,
    ...(postgresVersion === undefined ? [] : [`Postgres ${postgresVersion}, durable`]),
  ].join(', ');
}

/** The one-minute load average: above 0 before a benchmark, other programs are running. */
export function loadAverage(): number {
  return loadavg()[0] ?? 0;
}

/** Resident memory in MB (10^6 bytes, as in the targets), from the kernel. Linux only. */
export async function residentMb(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return (Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) * 1024) / 1e6;
}

const TICKS_PER_SECOND = 100; // USER_HZ, fixed in the Linux ABI

/** CPU seconds that a process has used so far. Linux only. */
export async function processorSeconds(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}
