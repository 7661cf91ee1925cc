import ControlProtocol
import Foundation
import Testing

@testable import Scheduling
@testable import Supervision

@Suite("The two processes of an engine", .timeLimit(.minutes(2)))
struct EngineProcessTests {
    private let processes = TestProcesses()
    private let core = ProcessID(number: 2)
    private let frontEnd = ProcessID(number: 3)
    private let engine = EngineID(number: 4)
    private let generation = Generation(epoch: 5, counter: 6)

    private var assignment: EngineAssignment {
        EngineAssignment(
            engine: engine, generation: generation, model: "small", device: DeviceID("cpu:0"), frontEnd: frontEnd,
            core: core, kvCacheBytes: 1 << 20)
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

    @Test(
        "Both are told the same, and each of the other; the stages that follow are passed on, the two last make it ready")
    func assign() async throws {
        try await SupervisorUnderTest.run { under in
            let zygote = try await under.startZygote()
            let (corePid, _, corePeer) = try await under.idle(core, .core, zygote, processes)
            let (frontEndPid, _, frontEndPeer) = try await under.idle(frontEnd, .frontEnd, zygote, processes)
            let socket = under.directory.frontEndSocket(of: engine)
            async let assigned: Void = under.supervisor.assign(assignment, serving)
            for (peer, other) in [(corePeer, frontEndPid), (frontEndPeer, corePid)] {
                let order = try await peer.nextAssign()
                let folder = under.temporaryDirectory(frontEnd)
                #expect(
                    order
                        == Assign(
                            id: order.id, deadlineMilliseconds: 60_000, engine: "e-4",
                            generation: WireGeneration(epoch: 5, counter: 6), names: ["small", "e-4"],
                            path: "/models/small", arguments: ["max-model-len": .integer(64)], environment: ["A": "b"],
                            socket: socket, inputSocket: folder + "/in.sock", outputSocket: folder + "/out.sock",
                            device: "cpu:0", cores: [1], worldSize: 1, peerPid: other))
                try await peer.send(.accepted(Accepted(re: order.id)))
            }
            await assigned
            // Its name is on disk before the front end can make it.
            #expect(try under.record(frontEnd).names == [under.temporaryDirectory(frontEnd), socket])

            try await corePeer.send(stage("load"))
            #expect(try await nextStage(under) == StageTime(stage: "load", milliseconds: 2.5))
            try await frontEndPeer.send(stage("listen"))
            #expect(try await nextStage(under) == StageTime(stage: "listen", milliseconds: 2.5))
            try await corePeer.send(stage("warm_up"))
            #expect(try await nextStage(under) == StageTime(stage: "warm_up", milliseconds: 2.5))
            guard case .ready(engine, generation) = try await under.nextEvent() else { throw TestFailure("not ready") }

            try under.folder.write("run/f/e-4.sock", "")
            processes.signal(frontEndPid, SIGKILL)
            _ = try await under.nextGone(frontEnd)
            #expect(!exists(socket))
        }
    }

    @Test("A refused assignment is a failed start with the reason", arguments: [true, false])
    func refused(byCore: Bool) async throws {
        try await SupervisorUnderTest.run { under in
            let zygote = try await under.startZygote()
            let (_, _, corePeer) = try await under.idle(core, .core, zygote, processes)
            let (_, _, frontEndPeer) = try await under.idle(frontEnd, .frontEnd, zygote, processes)
            async let assigned: Void = under.supervisor.assign(assignment, serving)
            for (peer, refuses) in [(corePeer, byCore), (frontEndPeer, !byCore)] {
                let id = try await peer.nextAssign().id
                try await peer.send(
                    refuses ? .failed(Failed(re: id, reason: "not idle")) : .accepted(Accepted(re: id)))
            }
            await assigned
            #expect(try await nextFailure(under) == "not idle")
        }
    }

    @Test("A process that is gone before it is assigned")
    func goneBefore() async throws {
        try await SupervisorUnderTest.run { under in
            let zygote = try await under.startZygote()
            let (pid, _, _) = try await under.idle(core, .core, zygote, processes)
            _ = try await under.idle(frontEnd, .frontEnd, zygote, processes)
            processes.signal(pid, SIGKILL)
            _ = try await under.nextGone(core)
            await under.supervisor.assign(assignment, serving)
            #expect(try await nextFailure(under) == "A process of the engine was gone before it was assigned.")
        }
    }

    @Test("A process that dies instead of accepting")
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
            // The end of the connection is not the reason; its own end is.
            let reason = try await under.nextGone(core)
            #expect(reason.contains("core"))
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
