import ControlProtocol
import Foundation
import NIOCore
import Scheduling
import Testing

@testable import Supervision

@Suite("Who dials in and is not expected", .timeLimit(.minutes(5)))
struct StrangerTests {
    private let processes = TestProcesses()
    private let id = ProcessID(number: 7)

    /// Says hello as that process.
    private func dial(
        _ under: SupervisorUnderTest, _ id: ProcessID, _ role: WireRole = .core,
        epoch: Int = SupervisorUnderTest.epoch, runtime: String = "test"
    ) async throws -> (pid: Int, peer: ControlPeer) {
        let puppet = try await Puppet(in: under.folder)
        let pid = try processes.start(puppet.command + ["--control", under.directory.controlSocket])
        let peer = try await puppet.connection()
        try await peer.send(under.hello(id, role, pid: pid, epoch: epoch, runtime: runtime))
        return (pid, peer)
    }

    /// Lives on when it is refused: it ends itself, and only then.
    private func expectLives(_ pid: Int) async throws {
        let watch = try #require(ProcessWatch.open(pid: pid))
        kill(pid_t(pid), Puppet.exit)
        await watch.waitForEnd()
        #expect(watch.reap() == "ended with status 3")
    }

    @Test(
        "A process of an older epoch, or one that nobody knows, is ended, and its folder removed", arguments: [4, 1, 5])
    func older(epoch: Int) async throws {
        try await SupervisorUnderTest.run { under in
            let others = [try under.folder.makeFolder("run/t/5-p-8"), try under.folder.makeFolder("run/t/3-p-7")]
            try under.folder.makeFolder("run/t/\(epoch)-p-7/cache")
            let (pid, _) = try await dial(under, id, epoch: epoch)
            let watch = ProcessWatch.open(pid: pid)
            await watch?.waitForEnd()
            try await eventually { !exists(under.temporaryDirectory(id, epoch: epoch)) }
            for other in others { #expect(exists(other)) }
        }
    }

    @Test("What they are told")
    func reasons() async throws {
        let under = try await SupervisorUnderTest(in: TemporaryFolder())
        let (outbound, _) = NIOAsyncChannelOutboundWriter<ByteBuffer>.makeTestingWriter()
        let connection = ControlConnection(peer: PeerCredentials(), outbound: outbound)
        // A pid that is nobody's, since this supervisor would kill it.
        let pid = try processes.deadPid()
        for (epoch, reason) in [
            (4, "The process is of epoch 4, and this controller's is 5."),
            (6, "The process is of epoch 6, and this controller's is 5."), (5, "No core 'p-7' is expected here."),
        ] {
            guard case .hello(let hello) = under.hello(id, .core, pid: pid, epoch: epoch) else { continue }
            await #expect(throws: ControllerError(.conflict, reason)) {
                try await under.supervisor.welcome(hello, on: connection)
            }
        }
        outbound.finish()
    }

    @Test("A process of a later epoch is refused but not ended: this controller is the old one")
    func later() async throws {
        try await SupervisorUnderTest.run { under in
            let (pid, peer) = try await dial(under, id, epoch: 6)
            #expect(try await peer.nextRefusal().reason == "The process is of epoch 6, and this controller's is 5.")
            try await expectLives(pid)
        }
    }

    @Test(
        "A name that is no process id is refused and leads to no folder",
        arguments: ["../../precious", "p-", "", "p-1/.."])
    func strangeName(name: String) async throws {
        try await SupervisorUnderTest.run { under in
            let precious = try under.folder.makeFolder("precious")
            let (pid, peer) = try await dial(under, ProcessID(name), epoch: 4)
            _ = try await peer.nextRefusal()
            try await expectLives(pid)
            #expect(exists(precious))
        }
    }

    @Test("Another's id with another role, runtime or pid is refused, and the true one is left in peace")
    func impostor() async throws {
        try await SupervisorUnderTest.run { under in
            let zygote = try await under.startZygote()
            let (pid, _, _) = try await under.idle(id, .core, zygote, processes)
            for (role, runtime, reason) in [
                (.frontEnd, "test", "No front_end 'p-7' is expected here."),
                (.core, "other", "No core 'p-7' is expected here."), (.core, "test", "'p-7' has pid \(pid), not "),
            ] as [(WireRole, String, String)] {
                let (impostor, peer) = try await dial(under, id, role, runtime: runtime)
                #expect(try await peer.nextRefusal().reason.hasPrefix(reason))
                try await expectLives(impostor)
            }
            #expect(await under.pid(id) == pid)
            #expect(exists(under.recordFile(id)))
        }
    }

    @Test("A process whose connection ends before it is welcomed is verified when it dials again")
    func unwelcomed() async throws {
        try await SupervisorUnderTest.run { under in
            let zygote = try await under.startZygote()
            let puppet = try await Puppet(in: under.folder)
            let pid = try processes.start(puppet.command + ["--control", under.directory.controlSocket])
            try await under.fork(id, .core, zygote) { .forked(Forked(re: $0.id, pid: pid)) }
            // Any connection that has ended will do.
            let (broken, end) = try #require(
                await under.supervisor.processes[SupervisorUnderTest.zygoteID].flatMap { known in
                    known.connection.map { ($0, known.connectionEnd) }
                })
            try await zygote.close()
            #expect(await end.wait(atMost: .seconds(60)))
            guard case .hello(let hello) = under.hello(id, .core, pid: pid) else { return }
            await #expect(throws: (any Error).self) { try await under.supervisor.welcome(hello, on: broken) }
            #expect(await under.supervisor.processes[id]?.connection == nil)
            try await under.greet(try await puppet.connection(), id, .core, pid: pid)
            guard case .processIdle(id) = try await under.nextEvent() else { throw TestFailure("not idle") }
        }
    }
}
