import Scheduling
import Testing

/// What the pool keeps while workers come and go.
@Suite struct SpareWorkerTests {
    /// One is forked when another is leased. Which of them is too many is decided when both are there.
    @Test func oneThatCameBackStaysAndTheNewOneGoes() throws {
        var limits = SchedulingLimits.roomy
        limits.idleRanks = 1
        var harness = Harness(limits: limits)
        harness.boot()
        let worker = try #require(harness.processes(.worker, .starting).first)
        harness.send(.lease(.idle(worker, privateBytes: 100, reset: .inPlace(toleranceBytes: 10))))
        let request = ExternalRequest(
            message: .of(9), pid: 77, model: "own", worldSize: 1, deviceKind: "cpu", footprint: 1 << 20,
            patience: .seconds(60), versions: [:])
        harness.send(.externalAsked(request, .simulated))
        let lease = try #require(harness.scheduler.pool.workers[worker]?.lease)
        harness.send(.lease(.accepted(worker, lease.generation)))
        let spare = try #require(harness.processes(.worker, .starting).first)
        harness.send(.lease(.executorGone(.number(9))))
        harness.send(.lease(.resetDone(worker, lease.generation)))
        harness.send(.lease(.measured(worker, lease.generation, privateBytes: 105)))
        #expect(harness.retired.isEmpty)
        #expect(harness.scheduler.pool.workers[worker]?.state == .idle)
        harness.send(.lease(.idle(spare, privateBytes: 100, reset: .inPlace(toleranceBytes: 10))))
        #expect(harness.retired == [spare])
    }
}

extension Harness {
    /// The workers that were to be ended.
    fileprivate var retired: [ProcessID] {
        actions.compactMap { if case .lease(.retire(let worker, _)) = $0 { worker } else { nil } }
    }
}
