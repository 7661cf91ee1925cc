import ControlProtocol
import Foundation
import Scheduling
import Testing

@testable import Supervision

@Suite("vLLM's sleep of an engine", .timeLimit(.minutes(5)))
struct EngineSleepTests {
    private let processes = TestProcesses()
    private let id = ProcessID(number: 2)
    private let engine = EngineID(number: 4)
    private let generation = Generation(epoch: 5, counter: 6)
    private let wireGeneration = WireGeneration(epoch: 5, counter: 6)

    private func ask(_ under: SupervisorUnderTest, toSleep: Bool) async {
        if toSleep {
            await under.supervisor.suspend(engine, generation, frontEnd: id)
        } else {
            await under.supervisor.resume(engine, generation, frontEnd: id)
        }
    }

    private func nextFailure(_ under: SupervisorUnderTest) async throws -> String {
        let event = try await under.nextEvent()
        guard case .suspensionFailed(engine, generation, let reason) = event else {
            throw TestFailure("\(event) instead of a failure")
        }
        return reason
    }

    @Test("The front end is told, and its answer is too")
    func both() async throws {
        try await SupervisorUnderTest.run { under in
            let zygote = try await under.startZygote()
            let (_, _, peer) = try await under.idle(id, .frontEnd, zygote, processes)

            async let suspended: Void = ask(under, toSleep: true)
            guard case .sleep(let sleep) = try await peer.next() else { throw TestFailure("no sleep") }
            #expect(
                sleep
                    == Sleep(
                        id: sleep.id, deadlineMilliseconds: 120_000, engine: "e-4", generation: wireGeneration,
                        level: 1))
            try await peer.send(.done(Done(re: sleep.id)))
            await suspended
            guard case .suspended(engine, generation) = try await under.nextEvent() else {
                throw TestFailure("not asleep")
            }

            async let resumed: Void = ask(under, toSleep: false)
            guard case .wake(let wake) = try await peer.next() else { throw TestFailure("no wake") }
            #expect(
                wake
                    == Wake(id: wake.id, deadlineMilliseconds: 120_000, engine: "e-4", generation: wireGeneration))
            try await peer.send(.done(Done(re: wake.id)))
            await resumed
            guard case .resumed(engine, generation) = try await under.nextEvent() else {
                throw TestFailure("not awake")
            }
        }
    }

    @Test("A refusal, and an answer that is none", arguments: [true, false])
    func refused(toSleep: Bool) async throws {
        try await SupervisorUnderTest.run { under in
            let zygote = try await under.startZygote()
            let (_, _, peer) = try await under.idle(id, .frontEnd, zygote, processes)
            for (answer, reason) in [
                (ControlMessage.failed(Failed(re: 2, reason: "sleep mode is off")), "sleep mode is off"),
                (.accepted(Accepted(re: 3)), "The front end p-2 answered with something else than 'done'."),
            ] {
                async let asked: Void = ask(under, toSleep: toSleep)
                _ = try await peer.next()
                try await peer.send(answer)
                await asked
                #expect(try await nextFailure(under) == reason)
            }
        }
    }

    @Test("A front end that is not connected", arguments: [true, false])
    func unconnected(toSleep: Bool) async throws {
        try await SupervisorUnderTest.run { under in
            let zygote = try await under.startZygote()
            let pid = try processes.start()
            try await under.fork(id, .frontEnd, zygote) { .forked(Forked(re: $0.id, pid: pid)) }
            await ask(under, toSleep: toSleep)
            #expect(try await nextFailure(under) == "The front end p-2 is not connected.")
        }
    }

    @Test("One that dies meanwhile: its end says more", arguments: [true, false])
    func dies(toSleep: Bool) async throws {
        try await SupervisorUnderTest.run { under in
            let zygote = try await under.startZygote()
            let (pid, _, peer) = try await under.idle(id, .frontEnd, zygote, processes)
            async let asked: Void = ask(under, toSleep: toSleep)
            _ = try await peer.next()
            processes.signal(pid, SIGKILL)
            await asked
            var event = try await under.nextEvent()
            // On a machine so slow that the supervisor does not wait for the end.
            if case .suspensionFailed(_, _, "The process's control connection ended.") = event {
                event = try await under.nextEvent()
            }
            guard case .processGone(id, let reason) = event else { throw TestFailure("\(event)") }
            #expect(reason.hasSuffix("was ended by signal 9"))
        }
    }
}
