import { createMatrixWorld } from '../../../test/fakes/matrix/world.ts';
import { describeConnector } from '../conformance.ts';
import { matrix } from './platform.ts';

describeConnector({
  name: 'matrix',
  capabilities: matrix.capabilities({ homeserver: 'https://fake.test' }),
  cannot: ['post to routes'],
  setUp: () => createMatrixWorld(),
});
