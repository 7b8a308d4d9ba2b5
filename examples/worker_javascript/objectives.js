// The functions that this worker offers, by id. A factory gets the specification's kwargs; what it returns has a
// `dimension`, a `direction` and `evaluate(solution: Float32Array, seed: number) -> number`.

export const OBJECTIVES = {
  // Styblinski and Tang, "Experiments in nonconvex optimization" (1990): ½ Σ (x⁴ − 16 x² + 5 x), to be minimised.
  // The minimum is about −39.16617 a dimension, at x = −2.903534. Only sums and products, in a stated order: any
  // language with IEEE doubles computes the same bits.
  styblinski_tang({dimension = 10, ...unknown} = {}) {
    if (Object.keys(unknown).length) throw new Error(`it takes dimension alone, not ${Object.keys(unknown)}`);
    if (!Number.isInteger(dimension) || dimension < 1 || dimension > 1e6) throw new Error("dimension is from 1 to 1e6");
    return {
      dimension,
      direction: "minimise",
      evaluate(x) {
        let sum = 0;
        for (let i = 0; i < x.length; i++) {
          const square = x[i] * x[i];
          sum += square * square - 16 * square + 5 * x[i];
        }
        return 0.5 * sum;
      },
    };
  },
};
