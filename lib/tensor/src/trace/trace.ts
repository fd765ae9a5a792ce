/**
 * Tracing: a step is called once, on a tfjs backend that computes nothing. Each kernel that it runs is
 * recorded with the shapes of its results; gradients are kernels like all others. There are no values while
 * tracing, so a step that asks for one (`dataSync`, `arraySync`, `if` on a value) cannot be compiled and says
 * so.
 *
 * Tensors that the step did not get as arguments are constants, with the values that they have now. So is
 * randomness that tfjs draws in JavaScript (`tf.randomNormal`): give a step its random tensors as arguments.
 */
import { UserError } from 'oabn-base';
import { tf } from '../engines/index.js';
import type { Graph, Value } from '../ops/index.js';
import { registerTraceBackend, traceBackend } from './backend.js';
import { checkedDtype, infoOf, type Recorder, recording, valueOf } from './recorder.js';
import { flatten, unflatten } from './tree.js';

export interface Trace {
  readonly graph: Graph;
  /** What the step returned: its structure, with disposed tensors as leaves. */
  readonly result: unknown;
}

/**
 * The graph of `step(...args)`. Only shapes and dtypes of the tensors in `args` matter.
 * @throws UserError when the step reads a tensor's values or runs a kernel that is not known.
 */
export function trace(step: (...args: never[]) => unknown, args: readonly unknown[]): Trace {
  registerTraceBackend();
  const engine = tf.engine();
  const before = tf.getBackend();
  const variables = keptVariables();
  return recording((recorder) => {
    engine.startScope('trace');
    try {
      void tf.setBackend(traceBackend);
      const result = runStep(step, traceInputs(recorder, args));
      const { tensors } = flatten(result);
      const results = tensors.map((tensor) => valueOf(tensor).id);
      variables.check();
      // A step may have taken its results out of the scope (tf.keep).
      for (const tensor of tensors) if (recorder.values.has(tensor.dataId)) tensor.dispose();
      return { graph: { nodes: recorder.nodes, results }, result };
    } finally {
      void tf.setBackend(before);
      variables.restore(recorder.values);
      engine.endScope();
    }
  });
}

function runStep(step: (...args: never[]) => unknown, inputs: unknown[]): unknown {
  const result = step(...(inputs as never[]));
  if (result instanceof Promise) {
    // If it rejects, that is because values were read; the error below says what to do.
    result.catch(() => undefined);
    throw new UserError('A compiled step must not be async: return tensors, and read them outside the step');
  }
  return result;
}

/** The arguments with symbolic tensors in place of the given ones. */
function traceInputs(record: Recorder, args: readonly unknown[]): unknown[] {
  const { tensors, paths } = flatten(args);
  const symbols = tensors.map((tensor, i) => {
    const dtype = checkedDtype(tensor.dtype, `the argument "${paths[i]}"`);
    const [value] = record.add([{ dtype, shape: tensor.shape }], (outputs) => ({
      kind: 'input',
      path: paths[i]!,
      outputs: [outputs[0]!],
    }));
    return tensorOf(value!);
  });
  // By place: a tensor that is given twice is two arguments, which may differ later.
  return unflatten(args, symbols) as unknown[];
}

function tensorOf(value: Value): tf.Tensor {
  return tf.engine().makeTensorFromTensorInfo(infoOf(value));
}

/**
 * Holds on to what all variables have: one that the step assigns would be left with a value that does not
 * exist.
 */
function keptVariables(): { check(): void; restore(traced: Recorder['values']): void } {
  const engine = tf.engine();
  const kept = Object.values(engine.registeredVariables).flatMap((variable) => {
    const { dataId } = variable;
    const backend = engine.state.tensorInfo.get(dataId)?.backend;
    backend?.incRef(dataId);
    return backend ? { variable, dataId, backend } : [];
  });
  const isAssigned = ({ variable, dataId }: (typeof kept)[number]): boolean => variable.dataId !== dataId;
  return {
    check() {
      const assigned = kept.find(isAssigned);
      if (!assigned) return;
      throw new UserError(
        `A compiled step must be pure, but it assigns the variable "${assigned.variable.name}": return the new value instead`,
      );
    },
    restore(traced) {
      for (const each of kept) {
        const { variable, dataId, backend } = each;
        if (variable.isDisposed || !isAssigned(each)) {
          backend.disposeData(dataId);
          continue;
        }
        const { shape, dtype } = variable;
        const before = engine.makeTensorFromTensorInfo({ dataId, shape, dtype }, backend);
        variable.assign(before);
        before.dispose();
      }
      // What the step made, such as the moments of an optimizer, has no values either.
      for (const variable of Object.values(engine.registeredVariables))
        if (traced.has(variable.dataId)) variable.dispose();
    },
  };
}
