import Foundation
import Testing

@testable import BenchmarkSupport
@testable import executor_benchmark

@Suite struct DecodeResultTests {
    private typealias Result = DecodeResult<ExecutorSide>

    /// Blocks whose time per token is told for each side by the block's number.
    private func result(_ steps: [ExecutorSide: (Int) -> Double], blocks count: Int = 20) -> Result {
        Result(
            sides: steps.keys.sorted { $0.rawValue < $1.rawValue }, threads: steps.mapValues { _ in 1 },
            blocks: (0..<count).map { number in
                steps.mapValues { .init(stepMs: $0(number), firstTokenMs: [30, 90, 10]) }
            })
    }

    @Test func ratiosAreOfTheSameBlock() {
        // One machine that is ten times slower in every other block slows both.
        let slow = { (number: Int) in number.isMultiple(of: 2) ? 100.0 : 10.0 }
        let result = result([.remote: { slow($0) * 1.02 }, .stockMultiprocess: slow])
        #expect((result.judged?.lower ?? 0) > 1.019)
        #expect((result.judged?.upper ?? 2) < 1.021)
        #expect(result.firstToken(.remote, by: .stockMultiprocess)?.ratio == 1)
        #expect(result.step(.remote, by: .inProcess) == nil)
        #expect(result.stepMs(.remote).count == 20)
        #expect(result.firstTokenMs(.remote).count == 60)
    }

    @Test func blocksGoOnWhileTheIntervalSaysNothing() {
        #expect(result([.remote: { _ in 10 }, .stockMultiprocess: { _ in 10 }]).isSettled)
        // Clearly behind: no more blocks would help.
        #expect(result([.remote: { _ in 12 }, .stockMultiprocess: { _ in 10 }]).isSettled)
        // The same in the middle, but too noisy to tell.
        #expect(!result([.remote: { $0.isMultiple(of: 2) ? 5 : 20 }, .stockMultiprocess: { _ in 10 }]).isSettled)
        // Too few for any interval.
        #expect(!result([.remote: { _ in 10 }, .stockMultiprocess: { _ in 10 }], blocks: 5).isSettled)
        // Nothing is judged.
        #expect(result([.inProcess: { _ in 10 }, .stockMultiprocess: { _ in 10 }], blocks: 5).isSettled)
    }

    @Test func whoComputesWithMoreThreadsIsNotComparable() {
        var result = result([.remote: { _ in 10 }, .stockMultiprocess: { _ in 10 }, .inProcess: { _ in 10 }])
        #expect(result.threadDifference == 0)
        result.threads[.inProcess] = 2
        #expect(result.threadDifference == 0)
        result.threads[.remote] = 2
        #expect(result.threadDifference == 1)
        result.threads[.stockMultiprocess] = nil
        #expect(result.threadDifference == nil)
    }

    @Test func tablesNameWhatWasMeasured() {
        let text = result([.remote: { _ in 10 }, .stockMultiprocess: { _ in 8 }]).printed
        #expect(
            text.contains("remote / stock-multiprocess, per token: 1.250, 95 % interval 1.250 to 1.250 (20 blocks)"))
        #expect(text.contains("in the busiest process: remote 1; stock-multiprocess 1"))
        #expect(!text.contains("in-process"))
    }

    @Test func groupsGetNamesThatAConfigTakes() {
        #expect(Set(GroupSide.allCases.map(\.model)).count == GroupSide.allCases.count)
        #expect(GroupSide.twoWorkers.model == "workers-2-threads-1")
    }
}
