import ControlProtocol
import Foundation
import Scheduling
import Testing

@testable import Supervision

@Suite("Templates and their models", .timeLimit(.minutes(5)))
struct TemplateTests {
    private let processes = TestProcesses()
    private let id = ProcessID(number: 2)
    private let child = ProcessID(number: 3)

    private let serving = EngineServing(
        names: ["small", "alias"], path: "/models/small", arguments: ["max-model-len": .integer(64)],
        environment: ["A": "b"], cores: [1])

    private func order(isLoaded: Bool = false) -> TemplateOrder {
        TemplateOrder(
            process: id, model: "small", device: DeviceID("cpu:0"), kvCacheBytes: 1 << 20, isLoaded: isLoaded)
    }

    /// Tells the template its model; it answers so.
    private func prepare(
        _ under: SupervisorUnderTest, _ peer: ControlPeer, isLoaded: Bool = false,
        _ answer: (Prepare) throws -> ControlMessage = { .accepted(Accepted(re: $0.id)) }
    ) async throws {
        async let done: Void = under.supervisor.prepare(order(isLoaded: isLoaded), serving)
        let message = try await peer.next()
        guard case .prepare(let prepare) = message else { throw TestFailure("\(message) instead of a prepare") }
        try await peer.send(answer(prepare))
        await done
    }

    private func prepared(weights: Bool = false, error: String? = nil) -> ControlMessage {
        let stages = [
            WireStageTime(stage: "config", milliseconds: 7.5), WireStageTime(stage: "app", milliseconds: 2),
        ]
        return .prepared(
            Prepared(model: "small", weights: weights, stages: stages, privateBytes: 12_345, error: error))
    }

    private func nextFailure(_ under: SupervisorUnderTest) async throws -> String {
        let event = try await under.nextEvent()
        guard case .preparationFailed(id, let reason) = event else {
            throw TestFailure("\(event) instead of a failure")
        }
        return reason
    }

    @Test("It is told its model, and then to load the weights; what it says of both is told")
    func prepare() async throws {
        try await SupervisorUnderTest.run { under in
            let (_, _, peer) = try await under.template(id, processes)
            for isLoaded in [false, true] {
                try await prepare(under, peer, isLoaded: isLoaded) { prepare in
                    #expect(
                        prepare
                            == Prepare(
                                id: prepare.id, deadlineMilliseconds: 60_000, model: "small",
                                names: ["small", "alias"], path: "/models/small",
                                arguments: ["max-model-len": .integer(64)], environment: ["A": "b"], device: "cpu:0",
                                cores: [1], weights: isLoaded))
                    return .accepted(Accepted(re: prepare.id))
                }
                try await peer.send(prepared(weights: isLoaded))
                guard case .prepared(id, isLoaded, let stages) = try await under.nextEvent() else {
                    throw TestFailure("not prepared")
                }
                #expect(
                    stages == [
                        StageTime(stage: "config", milliseconds: 7.5), StageTime(stage: "app", milliseconds: 2),
                    ])
                #expect(await under.supervisor.snapshot(of: id)?.privateBytes == 12_345)
            }
        }
    }

    @Test("A refusal, and an answer that is none")
    func refused() async throws {
        try await SupervisorUnderTest.run { under in
            let (_, _, peer) = try await under.template(id, processes)
            try await prepare(under, peer) { .failed(Failed(re: $0.id, reason: "it has another model")) }
            #expect(try await nextFailure(under) == "it has another model")
            try await prepare(under, peer) { .done(Done(re: $0.id)) }
            #expect(try await nextFailure(under) == "A process answered with something else than 'accepted'.")
        }
    }

    @Test("No answer in time")
    func hangs() async throws {
        try await SupervisorUnderTest.run(answerLimit: .seconds(2)) { under in
            _ = try await under.template(id, processes)
            await under.supervisor.prepare(order(), serving)
            #expect(try await nextFailure(under) == "A process did not answer within 2000.0 ms.")
        }
    }

    @Test("One that is not connected, or was never there")
    func unconnected() async throws {
        try await SupervisorUnderTest.run { under in
            let (_, _, peer) = try await under.template(id, processes)
            let end = try #require(await under.supervisor.processes[id]?.connectionEnd)
            try await peer.close()
            #expect(await end.wait(atMost: .seconds(60)))
            await under.supervisor.prepare(order(), serving)
            #expect(try await nextFailure(under) == "The template p-2 is not connected.")
        }
    }

    @Test("An error that it tells comes before its end")
    func fails() async throws {
        try await SupervisorUnderTest.run { under in
            let (_, pid, peer) = try await under.template(id, processes)
            try await prepare(under, peer)
            try await peer.send(prepared(error: "ValueError: no such model"))
            processes.signal(pid, Puppet.exit)
            #expect(try await nextFailure(under) == "ValueError: no such model")
            #expect(try await under.nextGone(id).hasSuffix("ended with status 3"))
        }
    }

    @Test("One that dies instead of answering, or while it prepares: its end is told, and no failure besides")
    func dies() async throws {
        for accepts in [false, true] {
            try await SupervisorUnderTest.run { under in
                let (_, pid, peer) = try await under.template(id, processes)
                async let told: Void = under.supervisor.prepare(order(), serving)
                let message = try await peer.next()
                guard case .prepare(let prepare) = message else { throw TestFailure("\(message)") }
                if accepts {
                    try await peer.send(.accepted(Accepted(re: prepare.id)))
                    await told
                }
                processes.signal(pid, SIGKILL)
                await told
                var event = try await under.nextEvent()
                // On a machine so slow that the supervisor does not wait for the end.
                if case .preparationFailed(_, "The process's control connection ended.") = event, !accepts {
                    event = try await under.nextEvent()
                }
                guard case .processGone(id, let reason) = event else { throw TestFailure("\(event)") }
                #expect(reason.hasSuffix("was ended by signal 9"))
            }
        }
    }

    @Test("A process that is no template is not believed; nor is what cannot be understood")
    func noTemplate() async throws {
        try await SupervisorUnderTest.run { under in
            let (zygote, _, peer) = try await under.template(id, processes)
            let (_, _, core) = try await under.idle(child, .core, zygote, processes)
            try await core.send(prepared())
            let stage = Stage(
                engine: "e-4", generation: WireGeneration(epoch: 5, counter: 6), stage: "load", milliseconds: 1)
            try await core.send(.stage(stage))
            guard case .stage = try await under.nextEvent() else { throw TestFailure("it was believed") }

            try await peer.send(json: #"{"type":"prepared","model":"small","weights":"yes"}"#)
            guard case .error(let error) = try await peer.next() else { throw TestFailure("no error") }
            #expect(error.reason == "'prepared' is malformed: 'weights' is of the wrong type")
            try await peer.send(prepared())
            guard case .prepared = try await under.nextEvent() else { throw TestFailure("not prepared") }
        }
    }

    @Test("One that has dialled again, prepared meanwhile: it is not found idle twice, and what it kept is told")
    func dialsAgain() async throws {
        try await SupervisorUnderTest.run { under in
            let zygote = try await under.startZygote()
            let (pid, puppet, first) = try await under.idle(id, .template, zygote, processes)
            try await prepare(under, first)
            let end = try #require(await under.supervisor.processes[id]?.connectionEnd)
            try await first.close()
            #expect(await end.wait(atMost: .seconds(60)))
            processes.signal(pid, Puppet.dialAgain)
            let second = try await puppet.connection()
            try await second.send(
                .hello(
                    Hello(
                        id: 1, version: 1, epoch: SupervisorUnderTest.epoch, process: "p-2", role: .template, pid: pid,
                        runtime: "test", state: .prepared, device: "cpu:0")))
            guard case .welcome = try await second.next() else { throw TestFailure("not welcome") }
            try await second.send(prepared())
            guard case .prepared(id, false, _) = try await under.nextEvent() else { throw TestFailure("not prepared") }
            try await under.fork(child, .core, second, from: id) { .failed(Failed(re: $0.id, reason: "No.")) }
            #expect(try await under.nextGone(child) == "No.")
        }
    }

    // MARK: Memory

    @Test("Whoever looks again at once sees what was answered a moment ago; of one that is silent, what it said last")
    func looksAreLimited() async throws {
        try await SupervisorUnderTest.run { under in
            let (_, _, peer) = try await under.template(id, processes)
            for look in 1...3 {
                async let refreshed: Void = under.supervisor.refreshMemory(of: [id, child])
                if look == 1 {
                    let ping = try await peer.nextPing()
                    try await peer.send(.pong(Pong(re: ping.id, progress: 0, privateBytes: 4321)))
                }
                // The second look asks nobody, or it would wait here for an answer that does not come.
                await refreshed
                #expect(await under.supervisor.snapshot(of: id)?.privateBytes == 4321)
                if look == 2 { try await Task.sleep(for: ProcessSupervisor.refreshInterval) }
            }
            // The third look asked, and was left without an answer.
            _ = try await peer.nextPing()
        }
    }

    @Test("A process says what it owns and what its cache has; one that is silent or gone says nothing")
    func memory() async throws {
        try await SupervisorUnderTest.run(answerLimit: .seconds(2)) { under in
            let (_, _, peer) = try await under.template(id, processes)
            async let memory = under.supervisor.memory(of: id)
            let ping = try await peer.nextPing()
            try await peer.send(.pong(Pong(re: ping.id, progress: 0, privateBytes: 4321, cacheBytes: 321)))
            #expect(await memory == ProcessMemory(privateBytes: 4321, cacheBytes: 321))
            #expect(await under.supervisor.snapshot(of: id)?.privateBytes == 4321)

            #expect(await under.supervisor.memory(of: id) == nil)
            #expect(await under.supervisor.memory(of: child) == nil)
            // It may be busy: that is no reason to end it.
            #expect(await under.pid(id) != nil)
        }
    }
}
