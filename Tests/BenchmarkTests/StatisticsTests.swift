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

    /// scipy.stats.t.ppf(0.975, n).
    @Test(arguments: [(1, 12.706), (4, 2.776), (5, 2.571), (9, 2.262), (19, 2.093), (99, 1.984), (10_000, 1.960)])
    func studentT(degrees: Int, quantile: Double) {
        #expect(abs(RatioInterval.studentT(degreesOfFreedom: degrees) - quantile) < 0.004)
    }

    @Test func intervalOfARatio() throws {
        // Logarithms of the ratios: ln 2 - 0.1, ln 2, ln 2 + 0.1; their standard error is 0.1 / sqrt 3.
        let pairs = [2 * 0.904837418, 2, 2 * 1.105170918].map { (numerator: $0 * 10, denominator: 10.0) }
        let interval = try #require(RatioInterval(pairs))
        #expect(interval.pairs == 3)
        #expect(abs(interval.ratio - 2) < 1e-6)
        // exp(4.3027 * 0.1 / sqrt 3) = 1.2820.
        #expect(abs(interval.upper - 2 * 1.2820) < 0.001)
        #expect(abs(interval.lower - 2 / 1.2820) < 0.001)
    }

    @Test func whatSlowsBothHalvesOfAPairDownDoesNotWidenTheInterval() throws {
        let interval = try #require(RatioInterval([(10, 10), (50, 50), (3, 3)]))
        #expect(interval.lower == 1)
        #expect(interval.upper == 1)
    }

    @Test func noIntervalWithoutPairsOrWithZero() {
        #expect(RatioInterval([(1, 1)]) == nil)
        #expect(RatioInterval([(1, 1), (0, 1)]) == nil)
        #expect(RatioInterval([(1, 1), (1, 0)]) == nil)
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
