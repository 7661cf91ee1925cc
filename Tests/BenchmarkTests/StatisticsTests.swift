import Testing

@testable import cold_start_benchmark

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

    /// The first numbers of the reference implementation (https://prng.di.unimi.it/splitmix64.c) for this seed.
    @Test func splitMix() {
        var generator = SeededGenerator(seed: 1_234_567)
        #expect(generator.next() == 6_457_827_717_110_365_317)
        #expect(generator.next() == 3_203_168_211_198_807_973)
    }

    @Test(arguments: [(20, 5, [4, 4, 4, 4, 4]), (3, 2, [1, 2]), (1, 3, [0, 0, 1]), (7, 1, [7])])
    func interleaving(cycles: Int, starts: Int, expected: [Int]) {
        #expect(Interleaving.cycles(cycles, after: starts) == expected)
    }
}
