import Scheduling
import Testing

@Suite struct ZygoteTests {
    @Test func oneThatDiesWhenReadyIsStartedAgainAtOnceAndEnginesLiveOn() throws {
        var harness = Harness()
        harness.boot()
        let engine = try harness.start("a")
        let zygote = try #require(harness.processes(.zygote, .idle).first)
        harness.wait(.seconds(20))
        let decided = harness.send(.processGone(zygote, reason: "killed by signal 9"))
        try #require(decided.zygoteStarts.count == 1)
        #expect(decided.ends.isEmpty)
        #expect(harness.scheduler.runtimes[.simulated]?.isReady == false)
        #expect(harness.scheduler.runtimes[.simulated]?.lastError == "killed by signal 9")
        let hot = harness.request("a")
        #expect(harness.outcomes(of: hot) == [.admitted(engine)])

        // What is idle serves one more model; the pool is filled when there is a zygote.
        let cold = harness.request("b")
        let next = try harness.inspect("b")
        #expect(harness.phase(of: "b") == .starting)
        #expect(harness.processes(.core, .starting) == [])
        #expect(harness.send(.zygoteReady(decided.zygoteStarts[0])).forks == [.core, .frontEnd])
        try harness.becomeReady("b")
        #expect(harness.outcomes(of: cold) == [.admitted(next)])
        #expect(harness.scheduler.runtimes[.simulated]?.lastError == nil)
    }

    @Test func oneThatDiesAsSoonAsItIsReadyIsTriedAgainAfterAPause() throws {
        var harness = Harness()
        harness.boot()
        let zygote = try #require(harness.processes(.zygote, .idle).first)
        #expect(harness.send(.processGone(zygote, reason: "killed")).zygoteStarts.isEmpty)
        harness.wait(.seconds(2))
        #expect(harness.processes(.zygote, .starting).count == 1)
    }

    @Test func oneThatDiesWhenStartingIsTriedAgainAfterAPause() throws {
        var harness = Harness()
        let first = try #require(harness.send(.tick).zygoteStarts.first)
        let request = harness.request("a")
        let load = harness.load("a")
        _ = try harness.inspect("a")
        let decided = harness.send(.processGone(first, reason: "No module named 'vllm'"))
        #expect(decided.zygoteStarts.isEmpty)
        let error = try harness.refusal(of: request)
        #expect(error.code == .startFailed)
        #expect(error.message.contains("No module named 'vllm'"))
        #expect(error.retryAfter == .seconds(1))
        #expect(decided.contains(.refuse(request, error, log: .process(first))))
        #expect(harness.loadFailure(load) == error)

        #expect(harness.wait(.milliseconds(999)).zygoteStarts.isEmpty)
        let second = try #require(harness.wait(.milliseconds(1)).zygoteStarts.first)
        // The second failure in a row is paused for longer.
        harness.send(.processGone(second, reason: "No module named 'vllm'"))
        #expect(harness.wait(.milliseconds(1_999)).zygoteStarts.isEmpty)
        let third = try #require(harness.wait(.milliseconds(1)).zygoteStarts.first)
        #expect(harness.send(.zygoteReady(third)).forks == [.core, .frontEnd])
    }

    @Test func oneRuntimesFailureIsNothingToAnother() throws {
        let other = RuntimeName("other")
        var harness = Harness(
            models: [.named("a"), .named("b", runtime: other)], runtimes: [.simulated, other])
        harness.send(.tick)
        let zygote = try #require(harness.scheduler.runtimes[.simulated]?.zygote)
        let request = harness.request("b")
        _ = try harness.inspect("b")
        harness.send(.processGone(zygote, reason: "No module named 'vllm'"))
        #expect(harness.outcomes(of: request) == [])
        #expect(harness.phase(of: "b") == .placing)
    }

    @Test func oneThatIsTooSlowIsReplacedAndItsLateEndChangesNothing() throws {
        var harness = Harness()
        let slow = try #require(harness.send(.tick).zygoteStarts.first)
        #expect(harness.wait(.milliseconds(299_999)) == [])
        #expect(harness.wait(.milliseconds(1)) == [.end(slow)])
        let next = try #require(harness.wait(.seconds(1)).zygoteStarts.first)
        harness.send(.zygoteReady(next))
        harness.send(.processGone(slow, reason: "it was asked to"))
        #expect(harness.scheduler.runtimes[.simulated]?.zygote == next)
        #expect(harness.scheduler.runtimes[.simulated]?.isReady == true)
        #expect(harness.actions.zygoteStarts == [slow, next])
    }
}
