//! Elementary functions with the same bits on every platform.
//!
//! The standard library hands these to the platform's own mathematics, which may differ in the last
//! bit from one system to the next (and from one processor to the next, where there are fused
//! instructions). Everything that decides about the course of a run, or about a figure in its result,
//! comes through here instead. (The samplers of `rand_distr` are the exception; see ARCHITECTURE.md,
//! "What is promised about bytes".)

/// Natural logarithm.
#[inline]
pub fn ln(x: f64) -> f64 {
    libm::log(x)
}

/// Natural logarithm of `1 + x`, also where `x` is next to nothing.
pub fn ln_1p(x: f64) -> f64 {
    libm::log1p(x)
}

/// `e` to the power of `x`, minus 1, also where `x` is next to nothing.
pub fn exp_m1(x: f64) -> f64 {
    libm::expm1(x)
}

/// Logarithm to base 2.
pub fn log2(x: f64) -> f64 {
    libm::log2(x)
}

/// Logarithm to base 10.
pub fn log10(x: f64) -> f64 {
    libm::log10(x)
}

/// `x` to the power of `y`.
pub fn powf(x: f64, y: f64) -> f64 {
    libm::pow(x, y)
}

/// Sine of an angle in radians.
pub fn sin(x: f64) -> f64 {
    libm::sin(x)
}

/// Cosine of an angle in radians.
pub fn cos(x: f64) -> f64 {
    libm::cos(x)
}

/// The gamma function.
pub fn gamma(x: f64) -> f64 {
    libm::tgamma(x)
}

/// Parts into which a doubling is split for [`exp`].
const PARTS: usize = 128;

/// `2^(i/128)`.
static POWERS: [f64; PARTS] = powers();

const fn powers() -> [f64; PARTS] {
    let mut table = [1.0; PARTS];
    let mut i = 0;
    while i < PARTS {
        // Taylor's series from its small end; the terms beyond are below the last bit.
        let x = i as f64 * (std::f64::consts::LN_2 / PARTS as f64);
        let mut sum = 1.0;
        let mut n = 26;
        while n > 0 {
            sum = 1.0 + sum * x / n as f64;
            n -= 1;
        }
        table[i] = sum;
        i += 1;
    }
    table
}

/// e to the power of `x`, within two units in the last place.
///
/// One draw in two of a web system is log-normal, and most of its cost is here: the portable library's
/// takes 1.9 times as long, and makes the whole draw 1.5 times as long (`benches/generator.rs`).
/// `x = k ln 2 / 128 + r`, `e^x = 2^(k/128) e^r`; the first factor from a table, the second by a
/// polynomial (Tang 1989, with a finer table and no tail).
#[inline]
pub fn exp(x: f64) -> f64 {
    /// `ln 2 / 128` in two parts, the first short enough for `k` times it to be exact.
    const STEP: f64 = 0.005_415_212_246_589_363;
    const STEP_REST: f64 = 1.015_352_101_085_147_5e-10;
    // Beyond these the result overflows, vanishes, or is not a number.
    if !(x > -700.0 && x < 700.0) {
        return libm::exp(x);
    }
    let k = (x * (PARTS as f64 / std::f64::consts::LN_2)) as i64;
    let r = (x - k as f64 * STEP) - k as f64 * STEP_REST;
    let tail = r * r * (0.5 + r * (1.0 / 6.0 + r * (1.0 / 24.0 + r * (1.0 / 120.0))));
    let power = POWERS[(k as usize) % PARTS];
    // Adds k / 128 to the exponent; the range checked above keeps it in bounds.
    let scaled = f64::from_bits(power.to_bits().wrapping_add(((k >> 7) as u64) << 52));
    scaled + scaled * (r + tail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_is_right_to_the_last_places() {
        let mut worst: f64 = 0.0;
        for i in -70_000..=70_000 {
            let x = f64::from(i) * 0.009_987_654_321;
            worst = worst.max((exp(x) / libm::exp(x) - 1.0).abs());
        }
        assert!(worst < 2.0 * f64::EPSILON, "{worst:e}");
        assert_eq!(
            (exp(0.0), exp(1000.0), exp(-1000.0)),
            (1.0, f64::INFINITY, 0.0)
        );
        assert!(exp(f64::NAN).is_nan());
    }
}
