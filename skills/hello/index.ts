import { defineSkill, escape, z } from '#skill';

export default defineSkill({
  name: 'hello',
  description: 'the smallest skill, to copy from',
  options: z.object({ greeting: z.string().default('Hello').describe('The greeting. Default Hello.') }),
  commands: {
    'hello {name?}': {
      help: 'says hello back',
      run: ({ args, sender, options }) => `${options.greeting}, ${escape(args.name ?? sender.name)}!`,
    },
  },
});
