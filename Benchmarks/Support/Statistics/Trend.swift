import Foundation

/// The straight line of least squares through samples, with the 95 % interval of its slope.
package struct Trend: Codable, Equatable {
    /// With fewer an interval says nothing.
    package static let fewestSamples = 4

    package let slope: Double
    /// Of the slope; Student's, for samples whose distances from the line are independent of each other.
    package let lower: Double
    package let upper: Double
    /// On the line, at the middle of the samples.
    package let center: Double

    /// Nil with fewer than four samples, or if all have the same x.
    package init?(_ samples: [(x: Double, y: Double)]) {
        guard samples.count >= Self.fewestSamples else { return nil }
        let count = Double(samples.count)
        let meanX = samples.reduce(0) { $0 + $1.x } / count
        let meanY = samples.reduce(0) { $0 + $1.y } / count
        let spread = samples.reduce(0) { $0 + ($1.x - meanX) * ($1.x - meanX) }
        guard spread > 0 else { return nil }
        let slope = samples.reduce(0) { $0 + ($1.x - meanX) * ($1.y - meanY) } / spread
        let squares = samples.reduce(0) { sum, sample in
            let distance = sample.y - meanY - slope * (sample.x - meanX)
            return sum + distance * distance
        }
        let freedom = count - 2
        let half = Self.student(freedom: freedom) * (squares / freedom / spread).squareRoot()
        self.slope = slope
        lower = slope - half
        upper = slope + half
        center = meanY
    }

    /// How much the line rises over so many steps of x, by its height in the middle; below 0 where it falls.
    package func growth(over steps: Double) -> Double { slope * steps / center }

    /// How much the line rises over so many steps of x; 0 where the interval holds 0, so that the samples show no rise.
    package func shownRise(over steps: Double) -> Double { lower <= 0 && upper >= 0 ? 0 : slope * steps }

    /// The same as `growth`, but 0 where the interval holds 0, so that the samples show no rise.
    package func shownGrowth(over steps: Double) -> Double {
        shownRise(over: steps) / center
    }

    /// The 97.5 % quantile of Student's distribution, from that of the normal one by Hill's series (Abramowitz and Stegun
    /// 26.7.5), right to 1 % from two degrees on.
    package static func student(freedom: Double) -> Double {
        let z = 1.959963984540054
        let z2 = z * z
        let g1 = (z2 + 1) * z / 4
        let g2 = ((5 * z2 + 16) * z2 + 3) * z / 96
        let g3 = (((3 * z2 + 19) * z2 + 17) * z2 - 15) * z / 384
        let g4 = ((((79 * z2 + 776) * z2 + 1482) * z2 - 1920) * z2 - 945) * z / 92160
        return z + g1 / freedom + g2 / pow(freedom, 2) + g3 / pow(freedom, 3) + g4 / pow(freedom, 4)
    }
}
