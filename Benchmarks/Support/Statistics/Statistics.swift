/// Order statistics of samples.
package enum Statistics {
    /// - Returns: nil without samples.
    package static func median(_ samples: [Double]) -> Double? { quantile(0.5, of: samples) }

    /// Linear between the two nearest ranks, as most tools do by default (Hyndman and Fan's type 7).
    ///
    /// - Parameter fraction: 0 to 1; 0.9 is p90.
    /// - Returns: nil without samples.
    package static func quantile(_ fraction: Double, of samples: [Double]) -> Double? {
        guard !samples.isEmpty else { return nil }
        let sorted = samples.sorted()
        let place = fraction * Double(sorted.count - 1)
        let below = Int(place.rounded(.down))
        let above = min(below + 1, sorted.count - 1)
        return sorted[below] + (sorted[above] - sorted[below]) * (place - Double(below))
    }
}

/// What is printed of samples.
package struct Summary: Codable, Equatable {
    package let count: Int
    package let median: Double
    package let p90: Double
    package let minimum: Double
    package let maximum: Double

    /// Nil without samples.
    package init?(_ samples: [Double]) {
        guard let median = Statistics.median(samples), let p90 = Statistics.quantile(0.9, of: samples),
            let minimum = samples.min(), let maximum = samples.max()
        else { return nil }
        count = samples.count
        self.median = median
        self.p90 = p90
        self.minimum = minimum
        self.maximum = maximum
    }
}
