import Testing

@testable import cold_start_benchmark

@Suite struct StartRatioTests {
    @Test func ratioOfStarts() throws {
        let ours = (1...9).map { Double($0) * 100 }
        let ratio = try #require(StartRatio(stock: [20_000, 10_000, 15_000], ours: ours))
        #expect(ratio.median == 30)
        #expect(ratio.fastestStock == 20)
        // p90 of ours is 820 ms.
        #expect(abs(ratio.p90 - 15_000 / 820) < 1e-9)
        // The second of nine on either side.
        #expect(ratio.interval?.lower == 18.75)
        #expect(ratio.interval?.upper == 75)
        #expect(StartRatio(stock: [1], ours: []) == nil)
        #expect(StartRatio(stock: [], ours: [1]) == nil)
    }

    @Test(arguments: [(20, 5, [4, 4, 4, 4, 4]), (3, 2, [1, 2]), (1, 3, [0, 0, 1]), (7, 1, [7])])
    func interleaving(cycles: Int, starts: Int, expected: [Int]) {
        #expect(Interleaving.cycles(cycles, after: starts) == expected)
    }
}
