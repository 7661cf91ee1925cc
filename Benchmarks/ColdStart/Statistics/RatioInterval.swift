import Foundation

/// The ratio of paired samples with its 95 % interval: Student's t on the logarithms of the pairs' ratios, so that what slows
/// both halves of a pair down cancels out, and twice as fast weighs as much as twice as slow.
struct RatioInterval: Codable, Equatable {
    let pairs: Int
    /// The geometric mean of the pairs' ratios.
    let ratio: Double
    let lower: Double
    let upper: Double

    /// Nil with fewer than two pairs, or with a sample that is not above zero.
    init?(_ pairs: [(numerator: Double, denominator: Double)]) {
        guard pairs.count >= 2, pairs.allSatisfy({ $0.numerator > 0 && $0.denominator > 0 }) else { return nil }
        let logs = pairs.map { log($0.numerator / $0.denominator) }
        let count = Double(logs.count)
        let mean = logs.reduce(0, +) / count
        let variance = logs.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / (count - 1)
        let half = Self.studentT(degreesOfFreedom: logs.count - 1) * (variance / count).squareRoot()
        self.pairs = pairs.count
        ratio = exp(mean)
        lower = exp(mean - half)
        upper = exp(mean + half)
    }

    /// The 0.975 quantile of Student's t distribution. Below five degrees from the table; from five on by an expansion (Abramowitz
    /// and Stegun 26.7.5), wrong by 0.003 at five and by less than 0.0001 from twelve on.
    static func studentT(degreesOfFreedom: Int) -> Double {
        let table = [12.7062, 4.3027, 3.1824, 2.7764]
        if degreesOfFreedom <= table.count { return table[max(degreesOfFreedom, 1) - 1] }
        let degrees = Double(degreesOfFreedom)
        let z = 1.959964
        let z3 = z * z * z
        let z5 = z3 * z * z
        let z7 = z5 * z * z
        return z + (z3 + z) / (4 * degrees) + (5 * z5 + 16 * z3 + 3 * z) / (96 * degrees * degrees)
            + (3 * z7 + 19 * z5 + 17 * z3 - 15 * z) / (384 * degrees * degrees * degrees)
    }
}
