/// Whether something that is measured at rest, again and again in the course of many cycles, keeps growing.
///
/// Memory rises in steps until caches, pools and the allocator's arenas are as large as they get, so the line through all samples
/// rises also where nothing leaks. A leak goes on. So what is judged is the line through the second half of the samples, over the
/// cycles of that half: a plateau after steps is flat there, a steady leak is not, and one that begins late is seen too.
package struct Drift: Equatable {
    /// Each half wants a trend.
    package static let fewestSamples = 2 * Trend.fewestSamples

    /// Told only: caches fill here.
    package let firstHalf: Half
    /// Judged.
    package let secondHalf: Half

    package struct Half: Equatable {
        package let trend: Trend
        package let cycles: Double

        /// How much the line rises in these cycles, by its height in the middle; below 0 where it falls.
        package var growth: Double { trend.growth(over: cycles) }

        /// - Parameter samples: in order, about as far from each other.
        fileprivate init?(_ samples: ArraySlice<(x: Double, y: Double)>) {
            guard let trend = Trend(Array(samples)), let first = samples.first, let last = samples.last else {
                return nil
            }
            self.trend = trend
            // Each sample stands for the cycles since the one before it, the first one too.
            cycles = (last.x - first.x) * Double(samples.count) / Double(samples.count - 1)
        }
    }

    /// Nil with fewer than eight samples.
    ///
    /// - Parameter samples: x is the number of the cycle; in order, about as far from each other.
    package init?(_ samples: [(x: Double, y: Double)]) {
        let middle = samples.count / 2
        guard let first = Half(samples[..<middle]), let second = Half(samples[middle...]) else { return nil }
        firstHalf = first
        secondHalf = second
    }

    /// Lines for people.
    ///
    /// - Parameter scale: what one `unit` is of what was measured.
    package func lines(_ name: String, scale: Double, unit: String) -> [String] {
        [("first half (told only)", firstHalf), ("second half", secondHalf)].map { title, half in
            let values = [half.trend.slope, half.trend.lower, half.trend.upper].map {
                TextTable.number($0 / scale, digits: 5)
            }
            return "\(name), \(title): \(values[0]) \(unit) per cycle, 95 % interval \(values[1]) to \(values[2]); "
                + "\(TextTable.number(half.growth * 100, digits: 2)) % over these \(TextTable.number(half.cycles, digits: 0)) cycles"
        }
    }
}
