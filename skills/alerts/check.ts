import { didYouMean, type Names, type Problem } from '#skill';
import type { AlertOptions, Policy, Route } from './options.ts';
import { describe } from './route.ts';

type Path = readonly (string | number)[];

/** References that nothing answers to, and routes that nobody can reach. Pure. */
export function checkAlerts(options: AlertOptions, names: Names): Problem[] {
  const problems: Problem[] = [];
  const known = (path: Path, kind: string, name: string, list: readonly string[]): void => {
    if (!list.includes(name)) problems.push({ path, says: `no ${kind} is called "${name}"${remedy(name, list)}` });
  };

  if (!options.route && Object.keys(options.sources).length > 0)
    problems.push({
      path: ['route'],
      says: 'with a source there must be a route: say in which rooms alerts are shown, route: { rooms: [ops] }',
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
        says: 'a route that drops has no use for routes below it; take one of them away',
      });
    (route.routes ?? []).forEach((child, index, siblings) => {
      const here = [...path, 'routes', index];
      const before = siblings.slice(0, index).find((sibling) => covers(sibling, child));
      if (before) {
        const why =
          describe(before) === ''
            ? 'an earlier one catches everything'
            : `an earlier one has the same conditions (${describe(before)})`;
        problems.push({
          path: here,
          says: `this route is never reached: ${why}; move it up, or give that one "continue: true"`,
        });
      }
      checkRoute(child, here);
    });
  }

  function checkPolicy(policy: Policy, path: Path): void {
    policy.steps.forEach((step, index, steps) => {
      if (index > 0 && step.after <= (steps[index - 1]?.after ?? 0))
        problems.push({
          path: [...path, 'steps', index, 'after'],
          says: '"after" counts from when the alert was first shown, so it rises from step to step',
        });
      step.notify.forEach((whom, at) => {
        const here = [...path, 'steps', index, 'notify', at];
        if ('oncall' in whom && whom.oncall !== 'route')
          known([...here, 'oncall'], 'schedule', whom.oncall, names.schedules);
        if ('room' in whom) known([...here, 'room'], 'room', whom.room, names.rooms);
        if ('person' in whom) known([...here, 'person'], 'person', whom.person, names.people);
        if ('group' in whom) known([...here, 'group'], 'group', whom.group, names.groups);
      });
    });
  }
}

function covers(sibling: Route, child: Route): boolean {
  if (sibling.continue || (sibling.active ?? []).length > 0) return false;
  return describe(sibling) === '' || describe(sibling) === describe(child);
}

/** The name that was probably meant, else those there are. */
function remedy(name: string, list: readonly string[]): string {
  const verb = list.length === 1 ? 'is' : 'are';
  const known = list.length > 0 ? `; there ${verb} ${list.slice(0, 8).join(', ')}` : '; none is configured';
  return didYouMean(name, list) || known;
}
