import Foundation

/// The median ratio of paired samples with its 95 % interval.
///
/// The interval is the distribution-free one between two order statistics: it holds whatever the ratios' distribution, so a pair
/// that another user of the machine spoilt does not widen it, as it would widen one from a mean and a deviation.
package struct RatioInterval: Codable, Equatable {
    /// With fewer pairs not even the least and the most of them hold the median with 95 %.
    package static let fewestPairs = 6

    package let pairs: Int
    package let ratio: Double
    package let lower: Double
    package let upper: Double

    /// Nil with fewer than six pairs, or with a sample that is not above zero.
    package init?(_ pairs: [(numerator: Double, denominator: Double)]) {
        guard pairs.count >= Self.fewestPairs, pairs.allSatisfy({ $0.numerator > 0 && $0.denominator > 0 }) else {
            return nil
        }
        let ratios = pairs.map { $0.numerator / $0.denominator }.sorted()
        guard let median = Statistics.median(ratios) else { return nil }
        let rank = Self.rank(pairs: ratios.count)
        self.pairs = ratios.count
        ratio = median
        lower = ratios[rank - 1]
        upper = ratios[ratios.count - rank]
    }

    /// The largest k for which the k-th least and the k-th largest of so many samples hold the median with at least 95 %: the
    /// number of samples below it is binomial with probability 1/2.
    package static func rank(pairs: Int) -> Int {
        let half = 0.5
        var logChoose = 0.0
        var below = 0.0
        var rank = 0
        for successes in 0..<pairs {
            below += exp(logChoose + Double(pairs) * log(half))
            guard 2 * below <= 0.05 else { break }
            rank = successes + 1
            logChoose += log(Double(pairs - successes)) - log(Double(successes + 1))
        }
        return rank
    }
}
