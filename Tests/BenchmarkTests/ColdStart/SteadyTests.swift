import Foundation
import Testing

@testable import BenchmarkSupport
@testable import cold_start_benchmark

@Suite struct SteadyTests {
    private func side(_ speed: Double, _ first: Double) -> SteadyPart.Side {
        SteadyPart.Side(tokensPerSecond: speed, firstTokenMs: [first, first * 3, first / 3])
    }

    private func result(_ blocks: Int = 20, warm: (Int) -> Double, asleep: Double) -> SteadyPart.Result {
        SteadyPart.Result(
            blocks: (0..<blocks).map {
                .init(stock: side(50, 30), gateway: [.warm: side(warm($0), 30), .asleep: side(asleep, 30)])
            }, tiers: [.warm, .asleep])
    }

    @Test func everyTierHasItsOwnInterval() {
        let result = result(warm: { _ in 50 }, asleep: 40)
        #expect(result.decode(.warm)?.lower == 1)
        #expect(result.decode(.asleep)?.upper == 0.8)
        #expect(result.firstToken(.asleep)?.ratio == 1)
        #expect(result.decode(.cold) == nil)
    }

    @Test func blocksGoOnWhileAnIntervalIsTooWide() {
        #expect(!SteadyPart.Result(tiers: [.warm]).isSettled)
        #expect(result(warm: { _ in 50 }, asleep: 50).isSettled)
        // Clearly behind: no more blocks would help.
        #expect(result(warm: { _ in 50 }, asleep: 40).isSettled)
        // One is the same on average, but far too noisy to tell.
        #expect(!result(warm: { $0.isMultiple(of: 2) ? 20 : 125 }, asleep: 50).isSettled)
        // Too few for any interval.
        #expect(!result(5, warm: { _ in 50 }, asleep: 50).isSettled)
    }

    @Test func barsJudgeEveryTier() {
        let report = Report(
            command: [], date: .now, seed: 1, isQuick: false, plan: .full, parts: [.large], machine: .current(),
            large: SubjectResult(steady: result(warm: { _ in 50 }, asleep: 40)))
        #expect(
            report.bars.filter { !$0.isMet }.map(\.name) == ["large, asleep, decode speed: ours / stock, worse end"])
    }
}
