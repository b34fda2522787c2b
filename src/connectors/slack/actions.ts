import { cleanLine } from '../../chat/markdown.ts';
import { cut } from '../../chat/cut.ts';
import type { Action, InteractionTarget, JsonObject } from '../connector.ts';

/** With more, they become a list. */
const MAX_BUTTONS = 5;
/** Slack allows 100, but not in a message that shows much else. */
const MAX_OPTIONS = 30;
/** Slack allows 75. */
const LABEL_CHARACTERS = 70;
const PREFIX = 'watchbell';
export const CHOOSE = `${PREFIX}:choose`;

/** Identifies an action without its command. Slack allows 150 characters for an option, 2,000 for a button. */
const valueOf = ({ message, version }: InteractionTarget, index: number): string => `${message}.${version}.${index}`;

/** Reads the value of a button or an option; undefined: it is not one of this bot's. */
export function pressOf(value: string): (InteractionTarget & { readonly index: number }) | undefined {
  const [, message, version, index] = /^([0-9a-f-]{36})\.(\d{1,9})\.(\d{1,4})$/.exec(value) ?? [];
  return message === undefined ? undefined : { message, version: Number(version), index: Number(index) };
}

/** Buttons, or a list if there are many. An action with `offer: false` gets none. Pure. */
export function actionBlocks(actions: readonly Action[], press: InteractionTarget | undefined): JsonObject[] {
  if (!press) return [];
  const offered = actions.flatMap((action, index) => (action.offer === false ? [] : [{ action, index }]));
  if (offered.length === 0) return [];
  const elements =
    offered.length <= MAX_BUTTONS
      ? offered.map(({ action, index }) => ({
          type: 'button',
          action_id: `${PREFIX}:${index}`,
          text: labelOf(action),
          value: valueOf(press, index),
        }))
      : [
          {
            type: 'static_select',
            action_id: CHOOSE,
            placeholder: { type: 'plain_text', text: 'Choose…' },
            options: offered
              .slice(0, MAX_OPTIONS)
              .map(({ action, index }) => ({ text: labelOf(action), value: valueOf(press, index) })),
          },
        ];
  return [{ type: 'actions', elements }];
}

function labelOf({ emoji, label }: Action): JsonObject {
  return { type: 'plain_text', text: cut(`${emoji} ${cleanLine(label)}`.trim(), LABEL_CHARACTERS), emoji: true };
}
