import assert from 'node:assert/strict';
import { random } from 'oabn-base';
import { keptAccuracy, keptAt, law } from 'oabn/doctor';
import { lawFigure } from '../../src/figures/index.js';
import { type Profile, profiles } from '../../src/profiles/index.js';
import {
  fitLaw,
  type LawPoint,
  lawStudy,
  recipePoints,
  recipeRowsThatShip,
  shippedRows,
} from '../../src/studies/index.js';

/** Made-up networks whose curves differ by `spread`. */
function made(midpoint: number, steepness: number, spread: number): LawPoint[] {
  const draw = random(1, 'law');
  return Array.from({ length: 40 }, (_, network) => {
    const own = midpoint * Math.exp(spread * draw.normal());
    return [0.1, 0.4, 0.8, 1.2, 1.6, 2.5, 5].map((spacing, i) => ({
      ...{ group: 'made', cluster: `network ${network}`, bits: 8 - i, spacing, fitted: true },
      kept: keptAt(spacing, { midpoint: own, steepness }),
    }));
  }).flat();
}

describe('studies/law', () => {
  it('finds the curve that made the points, and its errors', () => {
    const exact = fitLaw(made(1.3, 5, 0), 'made');
    assert.ok(Math.abs(exact.midpoint - 1.3) < 1e-3 && Math.abs(exact.steepness - 5) < 1e-2);
    assert.ok(exact.rmse < 1e-4 && exact.midpointError < 1e-3);
    const spread = fitLaw(made(1.3, 5, 0.2), 'made');
    assert.ok(Math.abs(spread.spread - 0.2) < 0.06, `${spread.spread}`);
    assert.ok(Math.abs(spread.midpoint - 1.3) < 4 * spread.midpointError, `${spread.midpoint}`);
    assert.ok(spread.midpointError > 0.02 && spread.midpointError < 0.12, `${spread.midpointError}`);
  });

  it('is told how well it does elsewhere', () => {
    const others = made(1.3, 5, 0.2).map((point) => ({ ...point, fitted: false }));
    const { rmseElsewhere, within } = fitLaw([...made(1.3, 5, 0.2), ...others], 'made');
    assert.ok(rmseElsewhere! > 0.02 && rmseElsewhere! < 0.3);
    assert.ok(within![0] / within![1] > 0.9);
  });

  it('draws every group, and the curve with its band', () => {
    const points = [...made(1.3, 5, 0.1), ...recipePoints(recipeRowsThatShip('cifar10'))];
    const law = fitLaw(points, 'made');
    const namesOf = (drawn: typeof points) =>
      lawFigure(drawn, { law, source: 'made' }).data.map(({ name }) => name);
    assert.deepEqual(namesOf(points), [
      ...['made', 'other widths (not fitted)', 'fitted curve', '95% of networks'],
    ]);
    const elsewhere = points.filter(({ fitted }) => !fitted);
    assert.deepEqual(namesOf(elsewhere), ['other widths', 'curve, fitted on others', '95% of networks']);
  });

  it('is, in the doctor, the fit of the runs that ship, and holds for networks of other widths', async function () {
    this.timeout(180_000);
    const rowsOf = async (profile: Profile): Promise<readonly LawPoint[]> => {
      const { rows } = await shippedRows({ profile }, lawStudy({ networks: ['RepVGG'] }));
      return rows.map((row) => ({ ...row, cluster: `${profile.name} ${row.cluster}`, fitted: true }));
    };
    const points = [...(await rowsOf(profiles.quick)), ...(await rowsOf(profiles.desk))];
    assert.ok(points.length >= 150);
    const fit = fitLaw(points, '');
    assert.ok(
      Math.abs(fit.midpoint - law.midpoint) < fit.midpointError,
      `refit law.ts: ${JSON.stringify(fit)}`,
    );
    assert.ok(Math.abs(fit.steepness - law.steepness) < fit.steepnessError, JSON.stringify(fit));
    assert.ok(Math.abs(fit.spread - law.spread) < 0.1, JSON.stringify(fit));
    for (const { spacing, kept, cluster, bits } of recipePoints(recipeRowsThatShip('cifar10'))) {
      const { least, most } = keptAccuracy(spacing);
      assert.ok(kept > least - 0.05 && kept < most + 0.05, `${cluster}, ${bits} bits: ${kept} at ${spacing}`);
    }
  });
});
