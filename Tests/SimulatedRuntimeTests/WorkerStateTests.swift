import ControlProtocol
import Foundation
import Testing

@testable import simulated_runtime

/// Who may have a worker, without a process.
@Suite struct WorkerStateTests {
    private let lease = Lease(
        id: 1, deadlineMilliseconds: 100, engine: "e-1", generation: WireGeneration(epoch: 1, counter: 2),
        executorPid: 77, cores: [])

    @Test func anotherUserMayNotAttach() {
        var state = WorkerState()
        #expect(state.take(lease) == nil)
        let other = PeerCredentials(pid: 77, uid: getuid() + 1, gid: 0)
        #expect(state.attach(engine: "e-1", generation: lease.generation, by: other)?.contains("uid") == true)
        let own = PeerCredentials(pid: 77, uid: getuid(), gid: 0)
        #expect(state.attach(engine: "e-1", generation: lease.generation, by: own) == nil)
    }

    @Test func whileItIsResetNobodyHasIt() {
        var state = WorkerState()
        #expect(state.take(lease) == nil)
        guard case .begin = state.beginReset(lease.generation) else {
            Issue.record("no reset began")
            return
        }
        let own = PeerCredentials(pid: 77, uid: getuid(), gid: 0)
        #expect(state.attach(engine: "e-1", generation: lease.generation, by: own) == "not leased")
        #expect(state.take(lease)?.contains("not idle") == true)
        guard case .refuse = state.beginReset(lease.generation) else {
            Issue.record("a second reset began")
            return
        }
        state.endReset(isClean: false)
        #expect(state.lease == lease)
        #expect(state.attach(engine: "e-1", generation: lease.generation, by: own)?.contains("already") == true)
        _ = state.beginReset(lease.generation)
        state.endReset(isClean: true)
        #expect(state.lease == nil)
        #expect(state.take(lease) == nil)
    }
}
