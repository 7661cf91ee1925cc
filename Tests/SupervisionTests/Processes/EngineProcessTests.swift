import ControlProtocol
import Foundation
import Testing

@testable import Scheduling
@testable import Supervision

@Suite("The two processes of an engine", .timeLimit(.minutes(5)))
struct EngineProcessTests {
    private let processes = TestProcesses()
    private let core = ProcessID(number: 2)
    private let frontEnd = ProcessID(number: 3)
    private let engine = EngineID(number: 4)
    private let generation = Generation(epoch: 5, counter: 6)

    private var assignment: EngineAssignment {
        EngineAssignment(
            engine: engine, generation: generation, model: "small", device: DeviceID("cpu:0"), frontEnd: frontEnd,
            core: core, kvCacheBytes: 1 << 20, workers: [])
    }

    private var serving: EngineServing {
        EngineServing(
            names: ["small", "e-4"], path: "/models/small", arguments: ["max-model-len": .integer(64)],
            environment: ["A": "b"], cores: [1])
    }

    private func stage(_ name: String, _ error: String? = nil) -> ControlMessage {
        .stage(
            Stage(
                engine: "e-4", generation: WireGeneration(epoch: 5, counter: 6), stage: name, milliseconds: 2.5,
                error: error))
    }

    private func nextStage(_ under: SupervisorUnderTest) async throws -> StageTime {
        let event = try await under.nextEvent()
        guard case .stage(engine, generation, let time) = event else {
            throw TestFailure("\(event) instead of a stage")
        }
        return time
    }

    private func nextFailure(_ under: SupervisorUnderTest) async throws -> String {
        let event = try await under.nextEvent()
        guard case .startFailed(engine, generation, let reason) = event else {
            throw TestFailure("\(event) instead of a failure")
        }
        return reason
    }

    /// Has an engine assigned to two idle processes, which answer so.
    private func assigned(
        _ under: SupervisorUnderTest,
        _ answer: (Assign, ProcessID) -> ControlMessage = { order, _ in .accepted(Accepted(re: order.id)) }
    ) async throws -> (core: (pid: Int, peer: ControlPeer), frontEnd: (pid: Int, peer: ControlPeer), orders: [Assign]) {
        let zygote = try await under.startZygote()
        let (corePid, _, corePeer) = try await under.idle(core, .core, zygote, processes)
        let (frontEndPid, _, frontEndPeer) = try await under.idle(frontEnd, .frontEnd, zygote, processes)
        async let done: Void = under.supervisor.assign(assignment, serving)
        let orders = [try await corePeer.nextAssign(), try await frontEndPeer.nextAssign()]
        try await corePeer.send(answer(orders[0], core))
        try await frontEndPeer.send(answer(orders[1], frontEnd))
        await done
        return ((corePid, corePeer), (frontEndPid, frontEndPeer), orders)
    }

    @Test("Both are told the same, and each of the other; the socket's name is on disk, and goes with the front end")
    func assign() async throws {
        try await SupervisorUnderTest.run { under in
            let (core, frontEnd, orders) = try await assigned(under)
            let socket = under.directory.frontEndSocket(of: engine)
            let folder = under.temporaryDirectory(self.frontEnd)
            for (order, other) in zip(orders, [frontEnd, core]) {
                #expect(
                    order
                        == Assign(
                            id: order.id, deadlineMilliseconds: 60_000, engine: "e-4",
                            generation: WireGeneration(epoch: 5, counter: 6), names: ["small", "e-4"],
                            path: "/models/small", arguments: ["max-model-len": .integer(64)], environment: ["A": "b"],
                            socket: socket, inputSocket: folder + "/in.sock", outputSocket: folder + "/out.sock",
                            device: "cpu:0", cores: [1], worldSize: 1, peerPid: other.pid))
            }
            #expect(try under.record(self.frontEnd).names == [folder, socket])
            try under.folder.write("run/f/e-4.sock", "")
            processes.signal(frontEnd.pid, SIGKILL)
            _ = try await under.nextGone(self.frontEnd)
            #expect(!exists(socket))
        }
    }

    @Test("Stages are passed on; the engine is ready once, when both have told their last", arguments: [true, false])
    func ready(coreIsFirst: Bool) async throws {
        try await SupervisorUnderTest.run { under in
            let (core, frontEnd, _) = try await assigned(under)
            let last = [(core.peer, "warm_up"), (frontEnd.peer, "listen")]
            for (peer, name) in [(core.peer, "load"), (frontEnd.peer, "app")] + (coreIsFirst ? last : last.reversed()) {
                try await peer.send(stage(name))
                #expect(try await nextStage(under) == StageTime(stage: name, milliseconds: 2.5))
            }
            guard case .ready(engine, generation) = try await under.nextEvent() else { throw TestFailure("not ready") }
            await under.supervisor.end(self.core)
            _ = try await under.nextGone(self.core)
        }
    }

    @Test("A refused assignment is a failed start with the reason", arguments: [2, 3])
    func refused(by number: Int) async throws {
        try await SupervisorUnderTest.run { under in
            _ = try await assigned(under) { order, process in
                process == ProcessID(number: number)
                    ? .failed(Failed(re: order.id, reason: "not idle")) : .accepted(Accepted(re: order.id))
            }
            #expect(try await nextFailure(under) == "not idle")
        }
    }

    @Test("A refusal is told at once, also while the other process does not answer", arguments: [2, 3])
    func refusedBesideSilence(by number: Int) async throws {
        try await SupervisorUnderTest.run(answerLimit: .seconds(600)) { under in
            let zygote = try await under.startZygote()
            let (corePid, _, corePeer) = try await under.idle(core, .core, zygote, processes)
            let (frontEndPid, _, frontEndPeer) = try await under.idle(frontEnd, .frontEnd, zygote, processes)
            async let assigned: Void = under.supervisor.assign(assignment, serving)
            let orders = [try await corePeer.nextAssign(), try await frontEndPeer.nextAssign()]
            let isCore = ProcessID(number: number) == core
            let refusal = Failed(re: orders[isCore ? 0 : 1].id, reason: "not idle")
            try await (isCore ? corePeer : frontEndPeer).send(.failed(refusal))
            #expect(try await nextFailure(under) == "not idle")
            // The one that is still asked ends, as the decision core would have it.
            processes.signal(isCore ? frontEndPid : corePid, SIGKILL)
            await assigned
        }
    }

    @Test("A process that is gone, or has no connection, cannot be assigned", arguments: [true, false])
    func goneBefore(isDead: Bool) async throws {
        try await SupervisorUnderTest.run { under in
            let zygote = try await under.startZygote()
            _ = try await under.idle(core, .core, zygote, processes)
            let pid = try processes.start()
            try await under.fork(frontEnd, .frontEnd, zygote) { .forked(Forked(re: $0.id, pid: pid)) }
            if isDead {
                processes.signal(pid, SIGKILL)
                _ = try await under.nextGone(frontEnd)
            }
            await under.supervisor.assign(assignment, serving)
            #expect(try await nextFailure(under) == "A process of the engine was gone before it was assigned.")
        }
    }

    @Test("A process that dies instead of accepting: its end is told, which says more than its connection's")
    func diesWhileAssigned() async throws {
        try await SupervisorUnderTest.run { under in
            let zygote = try await under.startZygote()
            let (pid, _, corePeer) = try await under.idle(core, .core, zygote, processes)
            let (_, _, frontEndPeer) = try await under.idle(frontEnd, .frontEnd, zygote, processes)
            async let assigned: Void = under.supervisor.assign(assignment, serving)
            try await frontEndPeer.send(.accepted(Accepted(re: try await frontEndPeer.nextAssign().id)))
            _ = try await corePeer.nextAssign()
            processes.signal(pid, SIGKILL)
            await assigned
            var event = try await under.nextEvent()
            // On a machine so slow that the supervisor does not wait for the end.
            if case .startFailed(_, _, "The process's control connection ended.") = event {
                event = try await under.nextEvent()
            }
            guard case .processGone(core, let reason) = event else { throw TestFailure("\(event)") }
            #expect(reason.hasSuffix("was ended by signal 9"))
        }
    }

    @Test("Where one process ended because the other did, the other's end is told first")
    func endedAfterPeer() async throws {
        try await SupervisorUnderTest.run { under in
            let (core, frontEnd, _) = try await assigned(under)
            processes.signal(frontEnd.pid, Puppet.exitAfterPeer)
            processes.signal(core.pid, SIGKILL)
            #expect(try await under.nextGone(self.core).hasSuffix("was ended by signal 9"))
            #expect(try await under.nextGone(self.frontEnd).hasSuffix("ended with status 5"))
        }
    }

    @Test("A stage with an error is told before the end of the process that comes with it")
    func stageError() async throws {
        try await SupervisorUnderTest.run { under in
            let zygote = try await under.startZygote()
            let (pid, _, peer) = try await under.idle(core, .core, zygote, processes)
            try await peer.send(stage("load", "no such file"))
            processes.signal(pid, Puppet.exit)
            #expect(try await nextFailure(under) == "no such file (at stage 'load')")
            #expect(try await under.nextGone(core).hasSuffix("ended with status 3"))
        }
    }

    @Test("All that a process said before it ended is told before its end")
    func lastWords() async throws {
        try await SupervisorUnderTest.run { under in
            let zygote = try await under.startZygote()
            let (pid, _, peer) = try await under.idle(core, .core, zygote, processes)
            for number in 0..<500 { try await peer.send(stage("s-\(number)")) }
            processes.signal(pid, Puppet.exit)
            for number in 0..<500 { #expect(try await nextStage(under).stage == "s-\(number)") }
            _ = try await under.nextGone(core)
        }
    }

    @Test("Nor does the end come first where the controller is slow to hear the rest")
    func slowEar() async throws {
        let gate = OneShot()
        let under = try await SupervisorUnderTest(in: TemporaryFolder(), gate: gate)
        try await under.whileRunning {
            let zygote = try await under.startZygote()
            let (pid, _, peer) = try await under.idle(core, .core, zygote, processes)
            for number in 0..<3 { try await peer.send(stage("s-\(number)")) }
            let watch = try #require(ProcessWatch.open(pid: pid))
            processes.signal(pid, Puppet.exit)
            await watch.waitForEnd()
            // For an end that would be told too early.
            try await Task.sleep(for: .milliseconds(100))
            await gate.happen()
            for number in 0..<3 { #expect(try await nextStage(under).stage == "s-\(number)") }
            _ = try await under.nextGone(core)
        }
    }

    @Test("Half a frame before the end is no word")
    func halfAWord() async throws {
        try await SupervisorUnderTest.run { under in
            let zygote = try await under.startZygote()
            let (pid, _, peer) = try await under.idle(core, .core, zygote, processes)
            try await peer.send(bytes: [0, 0, 1, 0] + Array(#"{"type": "stage", "#.utf8))
            processes.signal(pid, Puppet.exit)
            _ = try await under.nextGone(core)
        }
    }

    @Test("A process whose connection has ended lives, and its death is still noticed")
    func unconnected() async throws {
        try await SupervisorUnderTest.run { under in
            let zygote = try await under.startZygote()
            let (pid, _, peer) = try await under.idle(core, .core, zygote, processes)
            let end = try #require(await under.supervisor.processes[core]?.connectionEnd)
            try await peer.close()
            #expect(await end.wait(atMost: .seconds(60)))
            #expect(await under.pid(core) == pid)
            processes.signal(pid, SIGKILL)
            #expect(try await under.nextGone(core).hasSuffix("was ended by signal 9"))
        }
    }
}
