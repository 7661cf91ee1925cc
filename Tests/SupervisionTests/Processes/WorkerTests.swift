import ControlProtocol
import Foundation
import Scheduling
import Testing

@testable import Supervision

@Suite("Workers", .timeLimit(.minutes(5)))
struct WorkerTests {
    private let processes = TestProcesses()
    private let id = ProcessID(number: 2)
    private let generation = Generation(epoch: 5, counter: 7)

    /// A worker that has said this in its hello, and answered its first ping.
    private func worker(
        _ under: SupervisorUnderTest, reset: WireReset? = nil, privateBytes: Int? = 4096
    ) async throws -> (peer: ControlPeer, event: LeaseEvent) {
        let zygote = try await under.startZygote()
        let puppet = try await Puppet(in: under.folder)
        let pid = try processes.start(puppet.command + ["--control", under.directory.controlSocket])
        try await under.fork(id, .worker, zygote) { .forked(Forked(re: $0.id, pid: pid)) }
        let peer = try await puppet.connection()
        try await peer.send(
            .hello(
                Hello(
                    id: 1, version: 1, epoch: SupervisorUnderTest.epoch, process: "p-2", role: .worker, pid: pid,
                    runtime: "test", state: .idle, device: "cpu:0", reset: reset)))
        guard case .welcome = try await peer.next() else { throw TestFailure("not welcome") }
        try await peer.send(.pong(Pong(re: peer.nextPing().id, progress: 0, privateBytes: privateBytes)))
        return (peer, try await nextEvent(under))
    }

    private func nextEvent(_ under: SupervisorUnderTest) async throws -> LeaseEvent {
        let event = try await under.nextEvent()
        guard case .lease(let event) = event else { throw TestFailure("\(event) is nothing about a lease") }
        return event
    }

    @Test("How it is reset and what it owns is told as it has said it")
    func hello() async throws {
        try await SupervisorUnderTest.run { under in
            let event = try await worker(under, reset: WireReset(toleranceBytes: 99)).event
            #expect(event == .idle(id, privateBytes: 4096, reset: .inPlace(toleranceBytes: 99)))
        }
        try await SupervisorUnderTest.run { under in
            let event = try await worker(under, privateBytes: nil).event
            #expect(event == .idle(id, privateBytes: nil, reset: .replace))
        }
    }

    @Test("A reset and the ping after it: what is answered is told, with the generation that was asked about")
    func reset() async throws {
        try await SupervisorUnderTest.run { under in
            let peer = try await worker(under, reset: WireReset(toleranceBytes: 99)).peer
            async let done: Void = under.supervisor.reset(id, generation, within: .seconds(60))
            let reset = try await nextReset(peer)
            #expect(reset.generation == WireGeneration(generation))
            #expect(reset.deadlineMilliseconds == 60_000)
            try await peer.send(.done(Done(re: reset.id)))
            await done
            #expect(try await nextEvent(under) == .resetDone(id, generation))

            for bytes in [4242, nil] {
                async let measured: Void = under.supervisor.measure(id, generation)
                try await peer.send(.pong(Pong(re: peer.nextPing().id, progress: 0, privateBytes: bytes)))
                await measured
                #expect(try await nextEvent(under) == .measured(id, generation, privateBytes: bytes))
            }

            async let failed: Void = under.supervisor.reset(id, generation, within: .seconds(60))
            try await peer.send(.failed(Failed(re: nextReset(peer).id, reason: "left behind: the model")))
            await failed
            #expect(try await nextEvent(under) == .resetFailed(id, generation, reason: "left behind: the model"))
        }
    }

    @Test("A reset that is answered too late: the pool has given it up, and nothing is told of it")
    func lateReset() async throws {
        try await SupervisorUnderTest.run { under in
            let peer = try await worker(under, reset: WireReset(toleranceBytes: 99)).peer
            await under.supervisor.reset(id, generation, within: .milliseconds(50))
            try await peer.send(.done(Done(re: nextReset(peer).id)))
            // What comes next is about what was asked next.
            let newer = Generation(epoch: 5, counter: 8)
            async let done: Void = under.supervisor.reset(id, newer, within: .seconds(60))
            try await peer.send(.done(Done(re: nextReset(peer).id)))
            await done
            #expect(try await nextEvent(under) == .resetDone(id, newer))
        }
    }

    private static let pulse = Pulse(interval: .milliseconds(10), limit: .seconds(2))

    @Test("One at work that answers no more is asked once more, and then ended, with the reason told")
    func silence() async throws {
        try await SupervisorUnderTest.run(pulse: Self.pulse) { under in
            let peer = try await worker(under).peer
            under.atWork.withLockedValue { $0 = [id] }
            try await answerPulse(peer)
            var unanswered = 0
            while case .message(let message) = await peer.nextFrame() {
                guard case .ping(let ping) = message else { throw TestFailure("\(message) instead of a ping") }
                #expect(ping.memory == false && ping.deadlineMilliseconds == 1000)
                unanswered += 1
            }
            // Never two at once, however often it would have been its turn.
            #expect(unanswered == 2)
            #expect(try await under.nextGone(id).hasSuffix(") did not answer for 2.0 s"))
        }
    }

    @Test("One at work that answers the second time lives, and what it owned is known still")
    func lateSignOfLife() async throws {
        try await SupervisorUnderTest.run(pulse: Self.pulse) { under in
            let peer = try await worker(under).peer
            under.atWork.withLockedValue { $0 = [id] }
            let first = try await peer.nextPing()
            try await answerPulse(peer)
            try await peer.send(.pong(Pong(re: first.id, progress: 0, privateBytes: nil)))
            for _ in 0..<3 { try await answerPulse(peer) }
            #expect(await under.supervisor.snapshot(of: id)?.privateBytes == 4096)
        }
    }

    private func answerPulse(_ peer: ControlPeer) async throws {
        let ping = try await peer.nextPing()
        #expect(ping.memory == false)
        try await peer.send(.pong(Pong(re: ping.id, progress: 0, privateBytes: nil)))
    }

    private func nextReset(_ peer: ControlPeer) async throws -> Reset {
        let message = try await peer.next()
        guard case .reset(let reset) = message else { throw TestFailure("\(message) instead of a reset") }
        return reset
    }
}
