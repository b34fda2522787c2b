import { didYouMean, type Names, type Problem } from '#skill';
import type { AlertOptions, Policy, Route } from './options.ts';
import { describeRoute } from './route.ts';

type Path = readonly (string | number)[];

/** Reports unknown references and unreachable routes. Pure. */
export function checkAlerts(options: AlertOptions, names: Names): Problem[] {
  const problems: Problem[] = [];
  const known = (path: Path, kind: string, name: string, list: readonly string[]): void => {
    if (!list.includes(name))
      problems.push({ path, message: `no ${kind} is called "${name}"${suggestion(name, list)}` });
  };

  if (!options.route && Object.keys(options.sources).length > 0)
    problems.push({
      path: ['route'],
      message: 'required when there is a source: name the rooms that show alerts, as in route: { rooms: [ops] }',
    });
  if (options.route) checkRoute(options.route, ['route']);
  for (const [name, policy] of Object.entries(options.policies)) checkPolicy(policy, ['policies', name]);
  return problems;

  function checkRoute(route: Route, path: Path): void {
    route.rooms?.forEach((room, index) => known([...path, 'rooms', index], 'room', room, names.rooms));
    if (route.policy) known([...path, 'policy'], 'policy', route.policy, Object.keys(options.policies));
    if (route.schedule !== undefined) known([...path, 'schedule'], 'schedule', route.schedule, names.schedules);
    route.active?.forEach((interval, index) =>
      known([...path, 'active', index], 'time interval', interval, names.timeIntervals),
    );
    if (route.from?.source !== undefined)
      known([...path, 'from', 'source'], 'source', route.from.source, Object.keys(options.sources));
    if (route.drop && (route.routes ?? []).length > 0)
      problems.push({
        path: [...path, 'routes'],
        message: 'a route with "drop: true" has no use for routes below it; remove one of the two',
      });
    (route.routes ?? []).forEach((child, index, siblings) => {
      const childPath = [...path, 'routes', index];
      const before = siblings.slice(0, index).find((sibling) => covers(sibling, child));
      if (before) {
        const why =
          describeRoute(before) === ''
            ? 'an earlier one matches everything'
            : `an earlier one has the same conditions (${describeRoute(before)})`;
        problems.push({
          path: childPath,
          message: `this route is never reached: ${why}; move it up, or give that one "continue: true"`,
        });
      }
      checkRoute(child, childPath);
    });
  }

  function checkPolicy(policy: Policy, path: Path): void {
    policy.steps.forEach((step, index, steps) => {
      if (index > 0 && step.after <= (steps[index - 1]?.after ?? 0))
        problems.push({
          path: [...path, 'steps', index, 'after'],
          message:
            '"after" counts from when the alert was first shown, so each step needs a later one than the step before',
        });
      step.notify.forEach((whom, at) => {
        const targetPath = [...path, 'steps', index, 'notify', at];
        if ('oncall' in whom && whom.oncall !== 'route')
          known([...targetPath, 'oncall'], 'schedule', whom.oncall, names.schedules);
        if ('room' in whom) known([...targetPath, 'room'], 'room', whom.room, names.rooms);
        if ('person' in whom) known([...targetPath, 'person'], 'person', whom.person, names.people);
        if ('group' in whom) known([...targetPath, 'group'], 'group', whom.group, names.groups);
      });
    });
  }
}

function covers(sibling: Route, child: Route): boolean {
  if (sibling.continue || (sibling.active ?? []).length > 0) return false;
  return describeRoute(sibling) === '' || describeRoute(sibling) === describeRoute(child);
}

/** The nearest name when it is a likely typo, else the configured names. */
function suggestion(name: string, list: readonly string[]): string {
  const configured = list.length > 0 ? `; configured: ${list.slice(0, 8).join(', ')}` : '; none is configured';
  return didYouMean(name, list) || configured;
}
