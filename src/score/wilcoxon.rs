//! Whether differences between two results may be chance: Wilcoxon's signed-rank test (1945).

use rand::Rng;
use rayon::prelude::*;

use crate::rng;

/// Differences up to this many are tested exactly.
const EXACT: usize = 200;

/// Draws of signs for more.
const DRAWS: u64 = 100_000;

/// Draws that share a random stream.
const CHUNK: u64 = 1000;

/// The two-sided p-value of the hypothesis that each difference might as well have the other sign.
///
/// Differences of 0 are left out, equal ones share their ranks. Up to 200 differences the value is
/// exact over all signs, ties included; beyond, it is from 100,000 drawn signs, the same each time.
/// 1 where nothing differs. Infinite differences have the highest rank; NaN must not occur.
pub fn p_value(differences: &[f64]) -> f64 {
    let mut sorted: Vec<f64> = differences.iter().copied().filter(|&difference| difference != 0.0).collect();
    if sorted.is_empty() {
        return 1.0;
    }
    sorted.sort_unstable_by(|a, b| a.abs().total_cmp(&b.abs()));
    let ranks = double_ranks(&sorted);
    let signed = ranks.iter().zip(&sorted);
    let positive: usize = signed.filter(|(_, difference)| **difference > 0.0).map(|(rank, _)| rank).sum();
    let total: usize = ranks.iter().sum();
    let smaller = positive.min(total - positive);
    let tail = if ranks.len() <= EXACT { exact(&ranks, smaller) } else { drawn(&ranks, smaller) };
    (2.0 * tail).min(1.0)
}

/// Twice the rank of each, whole numbers: ranks that are shared may be halves.
fn double_ranks(sorted: &[f64]) -> Vec<usize> {
    let mut ranks = Vec::with_capacity(sorted.len());
    for equal in sorted.chunk_by(|a, b| a.abs() == b.abs()) {
        // The first of them has rank n + 1 and the last n + k: the mean's double is their sum.
        let rank = 2 * ranks.len() + 1 + equal.len();
        ranks.extend(equal.iter().map(|_| rank));
    }
    ranks
}

/// The share of all signs whose positive ranks sum to at most `sum`.
fn exact(ranks: &[usize], sum: usize) -> f64 {
    // After each rank: the probability of each sum.
    let mut shares = vec![0.0; sum + 1];
    shares[0] = 1.0;
    for &rank in ranks {
        for at in (0..=sum).rev() {
            let with = at.checked_sub(rank).map_or(0.0, |before| shares[before]);
            shares[at] = (shares[at] + with) / 2.0;
        }
    }
    shares.iter().sum()
}

/// The same share among drawn signs, the given ones counted with them.
fn drawn(ranks: &[usize], sum: usize) -> f64 {
    let of_chunk = |chunk: u64| {
        let mut random = rng::stream(0, &[b"score", b"signs", &chunk.to_le_bytes()]);
        let mut positive = || -> usize {
            let signs = ranks.chunks(64).map(|ranks| (random.next_u64(), ranks));
            signs.map(|(bits, ranks)| of_signs(bits, ranks)).sum()
        };
        (0..CHUNK).filter(|_| positive() <= sum).count() as u64
    };
    let below: u64 = (0..DRAWS / CHUNK).into_par_iter().map(of_chunk).sum();
    (below + 1) as f64 / (DRAWS + 1) as f64
}

/// The sum of up to 64 ranks whose bits are set.
fn of_signs(bits: u64, ranks: &[usize]) -> usize {
    ranks.iter().enumerate().map(|(at, rank)| if bits >> at & 1 == 1 { *rank } else { 0 }).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_scipy() {
        // from scipy.stats import wilcoxon, PermutationMethod
        // wilcoxon([1.1, 2.2, 3.3, 4.4, -0.5, 6.0, 7.7]).pvalue
        assert_eq!(p_value(&[1.1, 2.2, 3.3, 4.4, -0.5, 6.0, 7.7]), 0.03125);
        // wilcoxon([1, 1, -1, 2, 2, 3, -4, 5], method=PermutationMethod(n_resamples=10**6)).pvalue
        assert_eq!(p_value(&[1.0, 1.0, -1.0, 2.0, 2.0, 3.0, -4.0, 5.0]), WITH_TIES);
        // wilcoxon([(7 * i % 41 - 16) + i / 1000 for i in range(60)], method="exact").pvalue
        let many: Vec<f64> = (0..60).map(|i| f64::from(7 * i % 41 - 16) + f64::from(i) / 1000.0).collect();
        assert!((p_value(&many) - OF_SIXTY).abs() < 1e-12, "{}", p_value(&many));
    }

    const WITH_TIES: f64 = 0.25;
    const OF_SIXTY: f64 = 0.041_957_238_544_121_81;

    #[test]
    fn few_and_no_differences() {
        assert_eq!(p_value(&[]), 1.0);
        assert_eq!(p_value(&[0.0, 0.0]), 1.0);
        assert_eq!(p_value(&[2.5]), 1.0);
        assert_eq!(p_value(&[1.0, 1.0, 1.0, 1.0, 1.0, 0.0]), 0.0625);
        assert_eq!(p_value(&[1.0, 2.0, 3.0, 4.0, f64::NEG_INFINITY]), 2.0 * 10.0 / 32.0);
    }

    #[test]
    fn drawn_signs_tell_what_all_do() {
        let ranks: Vec<usize> = (1..=150).map(|rank| 2 * rank).collect();
        let total: usize = ranks.iter().sum();
        for share in [0.40, 0.45, 0.49] {
            let sum = (total as f64 * share) as usize;
            let (exact, drawn) = (exact(&ranks, sum), drawn(&ranks, sum));
            let error = (exact / DRAWS as f64).sqrt();
            assert!((exact - drawn).abs() < 4.0 * error, "{exact} {drawn}");
        }
    }
}
