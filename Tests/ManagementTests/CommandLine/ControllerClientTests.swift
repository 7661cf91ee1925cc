import Foundation
import Scheduling
import Synchronization
import Testing

@testable import worker_controller

/// The client against the real management API.
@Suite(.timeLimit(.minutes(5)))
struct ControllerClientTests {
    private func withClient(
        _ controller: FakeController = FakeController(), _ body: (ControllerClient) async throws -> Void
    ) async throws {
        try await RunningAPI.with(controller) { api in
            let address = try #require(ControllerAddress(argument: api.address))
            try await ControllerClient.connected(to: address, body)
        }
    }

    @Test func listings() async throws {
        var controller = FakeController()
        var worker = WorkerStatus.sample("p-7", .worker, pid: 107, engine: "e-3")
        worker.slot = 3
        worker.timesUsed = 2
        controller.current.workers.append(worker)
        try await withClient(controller) { client in
            let engines = try await client.engines().value().engines
            #expect(engines == [.sample])
            let models = try await client.models().value().models
            #expect(models == ControllerStatus.sample.models)
            let workers = try await client.workers().value().workers
            #expect(workers.map(\.rank) == [0, 1, 2])
            #expect(workers.map(\.frontEndPid) == [105, 105, nil])
            #expect(workers.map(\.status.id) == ["p-4", "p-7", "p-10"])
            let table = try await client.workers().value().table
            #expect(
                table == """
                    RANK  ID    ROLE      STATE   MODEL      ENGINE  RUNTIME  DEVICE  PID  FRONT END    MEMORY    AGE  SLOT  USED
                       0  p-4   core      leased  org/small  e-3     vllm     cpu:0   104        105  30.0 MiB  1m 1s     -     -
                       1  p-7   worker    leased  -          e-3     vllm     cpu:0   107        105  30.0 MiB  1m 1s     3     2
                       2  p-10  core      idle    -          -       vllm     cpu:0   110          -  30.0 MiB  1m 1s     -     -
                       -  p-3   template  idle    org/small  -       vllm     cpu:0   103          -  30.0 MiB  1m 1s     -     -
                       -  p-6   template  idle    quiet      -       vllm     cpu:0   106          -  30.0 MiB  1m 1s     -     -
                    """)
        }
    }

    @Test func aNameWithASlashComesThroughWhole() async throws {
        var controller = FakeController()
        controller.onLoad = { model in
            #expect(model == "org/sm all?é")
            return .sample
        }
        try await withClient(controller) { client in
            let loaded = try await client.load("org/sm all?é").value()
            #expect(loaded == .sample)
            let unloaded = try await client.unload("org/small").value().model
            #expect(unloaded == "org/small")
        }
    }

    @Test func sleepAndWake() async throws {
        var controller = FakeController()
        controller.onSleep = { model in
            #expect(model == "org/small")
            return .asleep
        }
        controller.onWake = { model in
            #expect(model == "org/small")
            return .sample
        }
        try await withClient(controller) { client in
            let asleep = try await client.sleep("org/small").value()
            #expect(asleep == .asleep)
            let awake = try await client.wake("org/small").value()
            #expect(awake == .sample)
        }
    }

    @Test func park() async throws {
        var controller = FakeController()
        controller.onPark = { engine in
            #expect(engine == "e-3")
            var parked = ModelStatus.asleep
            parked.tier = .parked
            parked.template = nil
            return parked
        }
        try await withClient(controller) { client in
            let sentence = try await client.park("e-3").value().sentence
            #expect(sentence == "quiet: parked")
        }
    }

    @Test func eventsAreFollowedToTheEnd() async throws {
        var controller = FakeController()
        // What came before it followed is not shown.
        controller.feed.publish([ControllerEvent(.alarm)], at: 1)
        controller.onFollow = { [feed = controller.feed] in
            feed.publish([ControllerEvent(.engineReady, engine: "e-3")], at: 2)
            feed.close()
        }
        try await withClient(controller) { client in
            var lines: [String] = []
            try await client.follow { lines.append($0.data) }
            #expect(lines == [#"{"engine":"e-3","event":"engine_ready","id":"4-2","time":2}"#])
        }
    }

    @Test func enginesAreMadeAndDeleted() async throws {
        let made = Mutex<[String]>([])
        var controller = FakeController()
        controller.onCreate = { body, waits in
            made.withLock { $0.append("\(waits) \(String(decoding: body, as: UTF8.self))") }
            return CreatedEngine(engine: .sample, warnings: ["a note"])
        }
        controller.current.engines[0].id = "team/one"
        controller.onDelete = { #expect($0 == "team/one") }
        try await withClient(controller) { client in
            let order = EngineOrder(model: "org/small", id: nil, settings: [], folder: "/nowhere")
            for waits in [true, false] {
                let reply = try await client.create(order, waits: waits).value()
                #expect(reply.engine == .sample)
                #expect(
                    reply.sentence
                        == "org/small: ready as e-3 on cpu:0, started in 812.3 ms from warm\nNote: a note.")
            }
            let message = try await client.delete("team/one").value().message
            #expect(message == "Engine team/one is deleted")
        }
        #expect(made.withLock { $0 } == [#"true {"model":"org\/small"}"#, #"false {"model":"org\/small"}"#])
    }

    @Test func aFolderThatIsHereIsMeant() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("order-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: folder + "/here", withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let setting = try #require(Setting(argument: "seed=1"))
        for (written, sent) in [
            ("./here", folder + "/here"), ("here", folder + "/here"), ("./gone", "./gone"), ("org/small", "org/small"),
            ("/abs", "/abs"), ("~/models", "~/models"),
        ] {
            let order = EngineOrder(model: written, id: "mine", settings: [setting], folder: folder)
            #expect(
                order.fields == ["model": .string(sent), "engine_uuid": .string("mine"), "seed": .integer(1)])
        }
    }

    @Test func logLinesComeInOrder() async throws {
        var controller = FakeController()
        controller.onLog = { id, lines in ["\(id) \(lines)", "", "last"] }
        try await withClient(controller) { client in
            var lines: [String] = []
            try await client.log(of: "org/small", lines: 3) { lines.append($0) }
            #expect(lines == ["org/small 3", "", "last"])
        }
    }

    @Test func aRefusalKeepsItsWords() async throws {
        var controller = FakeController()
        controller.onLoad = { _ in throw ControllerError(.unknownModel, "No model \"smal\"; did you mean \"small\"?") }
        try await withClient(controller) { client in
            let error = await #expect(throws: ClientError.self) { try await client.load("smal") }
            #expect(error?.description == "No model \"smal\"; did you mean \"small\"?")
            #expect(error.flatMap { ExitReason(of: $0) } == .refused)
        }
    }

    @Test func nobodyThereIsSaidAtOnce() async throws {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("none-\(UUID().uuidString).sock").path
        let text = "http+unix://" + path.replacingOccurrences(of: "/", with: "%2F")
        let address = try #require(ControllerAddress(argument: text))
        await #expect(throws: ClientError.unreachable(address)) {
            try await ControllerClient.connected(to: address) { try await $0.engines().value().engines }
        }
        let closed = try #require(ControllerAddress(argument: "127.0.0.1:1"))
        await #expect(throws: ClientError.unreachable(closed)) {
            try await ControllerClient.connected(to: closed) { try await $0.engines().value().engines }
        }
    }
}
