import Scheduling
import Testing

@Suite struct PoolTests {
    @Test func whatAnEngineTakesIsReplacedAtOnce() throws {
        var harness = Harness()
        harness.boot()
        _ = harness.request("a")
        let engine = try #require(harness.engine(of: "a"))
        let decided = harness.send(.inspected(engine, .weighing(0)))
        #expect(decided.assignments.count == 1)
        #expect(decided.forks == [.core, .frontEnd])
    }

    @Test func everyRuntimeHasAPoolOnEveryDevice() {
        var harness = Harness(
            devices: [.gibibytes(4), .gibibytes(4, id: "cpu:1")], runtimes: [.simulated, RuntimeName("other")],
            limits: .with(idleWorkers: 2))
        harness.boot()
        #expect(harness.actions.zygoteStarts.count == 2)
        #expect(harness.processes(.core, .idle).count == 8)
        #expect(harness.processes(.frontEnd, .idle).count == 8)
    }

    @Test func withNoneKeptWarmOnePairIsMadeOnDemand() throws {
        var harness = Harness(limits: .with(idleWorkers: 0))
        harness.boot()
        #expect(harness.actions.forks.isEmpty)
        let request = harness.request("a")
        let engine = try harness.inspect("a")
        #expect(harness.actions.forks == [.core, .frontEnd])
        harness.fillPools()
        try harness.becomeReady("a")
        #expect(harness.outcomes(of: request) == [.admitted(engine)])
        #expect(harness.actions.forks.count == 2)
    }

    @Test func atMostSixteenProcessesComeUpAtOnce() throws {
        var harness = Harness(
            devices: [.gibibytes(4), .gibibytes(4, id: "cpu:1")], limits: .with(idleWorkers: 10))
        harness.boot()
        #expect(harness.processes(.core, .idle).count == 8)
        #expect(harness.processes(.frontEnd, .idle).count == 8)
        let next = try #require(harness.processes(.core, .starting).first)
        #expect(harness.processes(.core, .starting).count + harness.processes(.frontEnd, .starting).count == 16)
        #expect(harness.send(.processIdle(next)).forks.count == 1)
        for _ in 0..<2 { harness.fillPools() }
        #expect(harness.processes(.core, .idle).count == 20)
        #expect(harness.processes(.frontEnd, .idle).count == 20)
    }

    @Test func anIdleProcessThatDiesIsReplacedAtOnce() throws {
        var harness = Harness()
        harness.boot()
        let core = try #require(harness.processes(.core, .idle).first)
        harness.wait(.seconds(20))
        #expect(harness.send(.processGone(core, reason: "killed by signal 9")).forks == [.core])
    }

    @Test func oneThatDiesAsSoonAsItIsIdleIsReplacedAfterAPause() throws {
        var harness = Harness()
        harness.boot()
        let core = try #require(harness.processes(.core, .idle).first)
        #expect(harness.send(.processGone(core, reason: "killed by signal 9")).forks.isEmpty)
        #expect(harness.wait(.seconds(2)).forks == [.core])
    }

    @Test func aProcessThatIsTooSlowIsReplacedAfterAPause() throws {
        var harness = Harness()
        harness.send(.tick)
        harness.send(.zygoteReady(try #require(harness.processes(.zygote, .starting).first)))
        harness.send(.processIdle(try #require(harness.processes(.frontEnd, .starting).first)))
        let slow = try #require(harness.processes(.core, .starting).first)
        #expect(harness.wait(.milliseconds(29_999)) == [])
        #expect(harness.wait(.milliseconds(1)) == [.end(slow)])
        #expect(harness.wait(.seconds(1)).forks == [.core])
        // It may say hello after all; nobody wants it any more.
        harness.send(.processIdle(slow))
        #expect(harness.processes(.core, .idle) == [])
        #expect(harness.send(.processGone(slow, reason: "it was asked to")) == [])
    }

    @Test func processesThatNeverComeUpArePausedForLonger() throws {
        var harness = Harness(limits: .with(idleWorkers: 1))
        harness.boot()
        var core = try #require(harness.processes(.core, .idle).first)
        harness.wait(.seconds(20))
        harness.send(.processGone(core, reason: "killed by signal 9"))
        for pause in [1, 2, 4] {
            core = try #require(harness.processes(.core, .starting).first)
            #expect(harness.send(.processGone(core, reason: "no memory")) == [])
            #expect(harness.wait(.milliseconds(pause * 1000 - 1)) == [])
            #expect(harness.wait(.milliseconds(1)).forks == [.core])
        }
    }

    @Test func whoWaitsForAProcessIsToldAfterThreeFailures() throws {
        var harness = Harness()
        harness.boot()
        harness.wait(.seconds(20))
        _ = try #require(harness.processes(.core, .idle).first.map { harness.send(.processGone($0, reason: "killed")) })
        let request = harness.request("a")
        _ = try harness.inspect("a")
        for failure in 1...3 {
            #expect(harness.outcomes(of: request) == [])
            let core = try #require(harness.processes(.core, .starting).first)
            harness.send(.processGone(core, reason: "no memory"))
            if failure < 3 { harness.wait(.seconds(failure)) }
        }
        let error = try harness.refusal(of: request)
        #expect(error.code == .startFailed)
        #expect(error.message.contains("no memory"))
        #expect(error.retryAfter == .seconds(4))
        // The model is not to blame: its next request waits for a process again.
        let next = harness.request("a")
        #expect(harness.outcomes(of: next) == [])
    }
}
