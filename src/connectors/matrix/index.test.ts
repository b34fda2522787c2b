import { createMatrixWorld } from '../../../test/fakes/matrix/world.ts';
import { describeConnector } from '../conformance.ts';

describeConnector('matrix', () => createMatrixWorld());
