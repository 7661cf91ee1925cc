import Testing

@testable import BenchmarkSupport

@Suite struct StatisticsTests {
    @Test func medianOfAnOddAndAnEvenNumberOfSamples() {
        #expect(Statistics.median([9, 1, 5]) == 5)
        #expect(Statistics.median([4, 1, 3, 2]) == 2.5)
        #expect(Statistics.median([7]) == 7)
        #expect(Statistics.median([]) == nil)
    }

    @Test func p90LiesBetweenTheNearestRanks() throws {
        // numpy.percentile([1...10], 90) is 9.1.
        let p90 = try #require(Statistics.quantile(0.9, of: (1...10).reversed().map(Double.init)))
        #expect(abs(p90 - 9.1) < 1e-12)
        #expect(Statistics.quantile(0.9, of: [3]) == 3)
        #expect(Statistics.quantile(1, of: [1, 2, 3]) == 3)
        #expect(Statistics.quantile(0, of: [2, 1, 3]) == 1)
        #expect(Statistics.quantile(0.9, of: []) == nil)
    }

    @Test func summary() throws {
        let summary = try #require(Summary([3, 1, 2]))
        #expect(summary.count == 3)
        #expect(summary.median == 2)
        #expect(abs(summary.p90 - 2.8) < 1e-12)
        #expect(summary.minimum == 1)
        #expect(summary.maximum == 3)
        #expect(Summary([]) == nil)
    }

    /// The largest k with 2 * scipy.stats.binom.cdf(k - 1, n, 0.5) <= 0.05.
    @Test(arguments: [(6, 1), (8, 1), (9, 2), (20, 6), (30, 10), (100, 40)])
    func rankOfTheIntervalsEnds(pairs: Int, rank: Int) {
        #expect(RatioInterval.rank(pairs: pairs) == rank)
    }

    @Test func intervalOfARatio() throws {
        // Ratios 1 to 9, in another order; with nine, the second on either side.
        let pairs = [4.0, 9, 2, 7, 1, 5, 8, 3, 6].map { (numerator: $0 * 10, denominator: 10.0) }
        let interval = try #require(RatioInterval(pairs))
        #expect(interval.pairs == 9)
        #expect(interval.ratio == 5)
        #expect(interval.lower == 2)
        #expect(interval.upper == 8)
    }

    @Test func neitherASlowPairNorOneSpoiltHalfWidensTheInterval() throws {
        let speeds: [(Double, Double)] = [(10, 10), (50, 50), (3, 3), (7, 7), (8, 8), (9, 9), (1, 1), (2, 2), (1, 100)]
        let pairs = speeds.map { (numerator: $0.0, denominator: $0.1) }
        let interval = try #require(RatioInterval(pairs))
        #expect(interval.lower == 1)
        #expect(interval.upper == 1)
    }

    @Test func noIntervalWithoutPairsOrWithZero() {
        let good = Array(repeating: (numerator: 1.0, denominator: 1.0), count: 5)
        #expect(RatioInterval(good) == nil)
        #expect(RatioInterval(good + [(1, 1)]) != nil)
        #expect(RatioInterval(good + [(0, 1)]) == nil)
        #expect(RatioInterval(good + [(1, 0)]) == nil)
    }

    /// By hand: residuals' squares add up to 5.1, and with three degrees of freedom the quantile is 3.1824.
    @Test func trend() throws {
        let trend = try #require(Trend([(0, 10), (1, 12), (2, 11), (3, 15), (4, 14)]))
        #expect(abs(trend.slope - 1.1) < 1e-12)
        #expect(trend.center == 12.4)
        #expect(abs(trend.upper - trend.slope - 1.3121) < 0.005)
        #expect(abs(trend.slope - trend.lower - 1.3121) < 0.005)
        #expect(abs(trend.growth(over: 10) - 11 / 12.4) < 1e-12)
        // The interval holds 0.
        #expect(trend.shownGrowth(over: 10) == 0)
        #expect(trend.shownRise(over: 10) == 0)
    }

    @Test func aTrendThatIsThereIsShown() throws {
        func line(_ slope: Double) -> [(x: Double, y: Double)] {
            (0..<100).map { number in (x: Double(number), y: 100 + slope * Double(number) + Double(number % 3)) }
        }
        let rising = try #require(Trend(line(0.1)))
        #expect(rising.lower > 0)
        #expect(rising.shownGrowth(over: 100) > 0.09)
        #expect(abs(rising.shownRise(over: 100) - 10) < 0.1)
        let falling = try #require(Trend(line(-0.1)))
        #expect(falling.shownGrowth(over: 100) < -0.09)
    }

    /// As counts at rest have it: there is no height to measure growth by.
    @Test func aLineOfZerosRisesByNothing() throws {
        let none = try #require(Trend((0..<10).map { (x: Double($0), y: 0) }))
        #expect(none.shownRise(over: 100) == 0)
        let leak = try #require(Trend((0..<10).map { (x: Double($0), y: Double($0)) }))
        #expect(leak.shownRise(over: 100) == 100)
    }

    @Test func noTrendOfTooFewSamplesOrOfOnePlace() {
        #expect(Trend([(0, 1), (1, 2), (2, 3)]) == nil)
        #expect(Trend([(1, 1), (1, 2), (1, 3), (1, 4)]) == nil)
    }

    @Test(arguments: [(2, 4.303, 0.05), (4, 2.7764, 0.002), (98, 1.98447, 1e-4), (198, 1.97202, 1e-4)])
    func student(freedom: Double, quantile: Double, tolerance: Double) {
        #expect(abs(Trend.student(freedom: freedom) - quantile) < tolerance)
    }

    /// The first numbers of the reference implementation (https://prng.di.unimi.it/splitmix64.c) for this seed.
    @Test func splitMix() {
        var generator = SeededGenerator(seed: 1_234_567)
        #expect(generator.next() == 6_457_827_717_110_365_317)
        #expect(generator.next() == 3_203_168_211_198_807_973)
    }
}
