/** The modules under test are the ones that ship: nothing is transformed, Node strips the types. */
export default {
  testEnvironment: 'node',
  transform: {},
  extensionsToTreatAsEsm: ['.ts'],
  moduleFileExtensions: ['ts', 'js', 'json'],
  testMatch: ['**/*.test.ts'],
  testPathIgnorePatterns: ['/node_modules/', '/test/real/', '/test/soak/', '/data/'],
  globalSetup: './test/harness/jest-start.ts',
  globalTeardown: './test/harness/jest-stop.ts',
  testTimeout: 60_000,
  maxWorkers: 2,
};
