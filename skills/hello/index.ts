import { defineSkill, escape, z } from '#skill';

export default defineSkill({
  name: 'hello',
  description: 'the smallest skill, a template for your own',
  options: z.object({ greeting: z.string().default('Hello').describe('The greeting. Default Hello.') }),
  commands: {
    'hello {name?}': {
      help: 'says hello back',
      run: ({ args, sender, options }) => `${options.greeting}, ${escape(args.name ?? sender.name)}!`,
    },
  },
});
