import Foundation
import TestSupport
import Testing

extension Faults {
    /// What may come between a model and its sleep, or its wake.
    @Suite struct Sleeping {
        @Test func aModelFolderThatChangedIsNotServedFromMemory() async throws {
            try await withController(.init([TestModel("alpha")])) { controller in
                try controller.folder.write(opening: "old", of: "alpha")
                _ = try await controller.sleep("alpha")
                #expect(try await controller.ask("alpha").succeeded().answer() == "old: one two")
                let before = try #require(try await controller.sleep("alpha").template?.pid)

                try controller.folder.write(opening: "new", of: "alpha")
                let reply = try await controller.ask("alpha").succeeded()
                #expect(try reply.answer() == "new: one two")
                #expect(reply[header: "x-start-tier"] == "cold")
                try await eventually("the old weights are gone") { !ProcessTable.isAlive(before) }

                // The next template has the new ones.
                #expect(try await controller.sleep("alpha").template?.pid != before)
                let next = try await controller.ask("alpha").succeeded()
                #expect(next[header: "x-start-tier"] == "asleep")
                #expect(try next.answer() == "new: one two")
            }
        }

        /// Asleep is what a model is with the files that are there now.
        @Test func aSleepAfterTheFolderChangedLoadsAnew() async throws {
            try await withController(.init([TestModel("alpha")])) { controller in
                try controller.folder.write(opening: "old", of: "alpha")
                let before = try await controller.sleep("alpha").template?.pid
                try controller.folder.write(opening: "new", of: "alpha")
                let after = try await controller.sleep("alpha")
                #expect(after.tier == "asleep")
                #expect(after.template?.pid != before)
                let reply = try await controller.ask("alpha").succeeded()
                #expect(reply[header: "x-start-tier"] == "asleep")
                #expect(try reply.answer() == "new: one two")
            }
        }

        @Test(arguments: ["times", "contents"])
        func contentsAreReadWhereThatIsWanted(verify: String) async throws {
            let model = TestModel("alpha", settings: ["verify": verify])
            try await withController(.init([model])) { controller in
                // What is being made now is of the files as they were.
                try await controller.awaitTemplate(of: "alpha")
                try controller.folder.write(opening: "old", of: "alpha")
                _ = try await controller.sleep("alpha")
                try controller.folder.writeUnseen(opening: "new", of: "alpha")
                // Times and sizes cannot tell: that is their limit, and what the other setting is for.
                let reply = try await controller.ask("alpha").succeeded()
                #expect(try reply.answer() == (verify == "contents" ? "new: one two" : "old: one two"))
                #expect(reply[header: "x-start-tier"] == (verify == "contents" ? "cold" : "asleep"))
            }
        }

        /// `alpha` is asleep and `beta` holds what its wake needs: 512 MiB with its KV cache.
        private func withShortMemory(
            betaSettings: [String: String], _ body: (RunningController, EngineState) async throws -> Void
        ) async throws {
            let held = 300 << 20
            let memory = ["sim-memory-bytes": "\(held)"]
            let alpha = TestModel(
                "alpha", arguments: memory.merging(["kv-cache-memory-bytes": "256MiB"]) { $1 })
            let beta = TestModel("beta", settings: betaSettings, arguments: memory)
            let setup = ControllerSetup(
                [alpha, beta],
                settings: [
                    "devices": #"[{id: "cpu:0", memory: 1000MiB}]"#, "scheduling": "{minimum_residency: 0s}",
                ])
            try await withController(setup) { controller in
                for model in ["alpha", "beta"] { try await controller.awaitTemplate(of: model) }
                let engine = try await controller.load("beta")
                try await eventually("what it needs is measured") {
                    (held..<(held + 128 << 20)).contains(try await controller.model("beta").footprintBytes ?? 0)
                }
                _ = try await controller.sleep("alpha")
                try await eventually("its weights are measured") {
                    try await controller.model("alpha").footprintBytes ?? 0 >= held
                }
                try await body(controller, engine)
            }
        }

        @Test func aWakeEvictsWhatIsIdle() async throws {
            try await withShortMemory(betaSettings: [:]) { controller, beta in
                let engine = try await controller.wake("alpha")
                #expect(engine.startTier == "asleep")
                #expect(try await controller.engines().map(\.model) == ["alpha"])
                #expect(beta.pids.allSatisfy { !ProcessTable.isAlive($0) })
                let device = try await controller.devices()[0]
                #expect(device.usedBytes <= device.memoryBytes)
            }
        }

        @Test func aWakeIsRefusedWithTheSumWhereNothingMayGo() async throws {
            try await withShortMemory(betaSettings: ["pin": "true"]) { controller, beta in
                let reply = try await controller.post("/models/alpha/wake")
                #expect(reply.status == 503)
                let error = try reply.error()
                #expect(error.code == "out_of_memory")
                #expect(error.message.contains("cpu:0 has 1000 MiB"), "\(error.message)")
                #expect(error.message.contains("pinned models hold"), "\(error.message)")
                #expect(error.message.contains("KV cache 256 MiB"), "\(error.message)")
                // Nobody lost anything.
                #expect(try await controller.model("alpha").tier == "asleep")
                #expect(try await controller.engine(of: "beta").pids == beta.pids)
            }
        }

        @Test func twoWakesAtOnceMakeOneEngine() async throws {
            let model = TestModel("alpha", arguments: ["sim-kv-cache-ms": "300"])
            try await withController(.init([model])) { controller in
                _ = try await controller.sleep("alpha")
                let wakes = (0..<4).map { _ in Task { try await controller.wake("alpha") } }
                let request = Task { try await controller.ask("alpha").succeeded() }
                let engines = try await wakes.asyncMap { try await $0.value }
                #expect(Set(engines.map(\.id)).count == 1)
                #expect(engines.allSatisfy { $0.startTier == "asleep" })
                _ = try await request.value
                #expect(try await controller.engines().map(\.id) == [engines[0].id])
            }
        }

        @Test func requestsInFlightEndFirst() async throws {
            let model = TestModel("alpha", arguments: ["sim-tokens-per-second": "20"])
            try await withController(.init([model])) { controller in
                try await controller.awaitTemplate(of: "alpha")
                var stream = try await controller.stream("alpha", "a", tokens: 31)
                #expect(try await stream.nextToken() == "alpha:")
                let engine = try await controller.engine(of: "alpha")
                let sleeping = Task { try await controller.sleep("alpha") }
                try await eventually("it drains") { try await controller.engine(of: "alpha").state == "draining" }
                #expect(try await stream.rest() == Array(repeating: .token(" a"), count: 30) + [.done])
                #expect(try await sleeping.value.tier == "asleep")
                #expect(engine.pids.allSatisfy { !ProcessTable.isAlive($0) })
            }
        }

        /// Whoever asks while the model goes to sleep is served, by the next engine.
        @Test func aRequestMeanwhileIsServed() async throws {
            let model = TestModel("alpha", arguments: ["sim-tokens-per-second": "20", "sim-load-ms": "300"])
            try await withController(.init([model])) { controller in
                try await controller.awaitTemplate(of: "alpha")
                var stream = try await controller.stream("alpha", "a", tokens: 21)
                #expect(try await stream.nextToken() == "alpha:")
                let sleeping = Task { try await controller.sleep("alpha") }
                try await eventually("it drains") { try await controller.engine(of: "alpha").state == "draining" }
                let next = Task { try await controller.ask("alpha", tokens: 1) }
                #expect(try await stream.rest().last == .done)
                #expect(try await next.value.succeeded().answer() == "alpha:")
                // The weights are kept all the same.
                _ = try await sleeping.value
                try await eventually("they are") { try await controller.model("alpha").template?.hasWeights == true }
            }
        }

        @Test func aModelThatStartsIsNotPutToSleep() async throws {
            let model = TestModel("alpha", arguments: ["sim-load-ms": "1000"])
            try await withController(.init([model])) { controller in
                let load = Task { try await controller.load("alpha") }
                try await eventually("it starts") { try await controller.engines().first?.state == "starting" }
                let reply = try await controller.post("/models/alpha/sleep")
                #expect(reply.status == 409)
                #expect(try reply.error().message.contains("is starting"))
                #expect(try await load.value.state == "ready")
            }
        }

        @Test func aStopMeanwhileEndsIt() async throws {
            let model = TestModel("alpha", arguments: ["sim-template-hang-at": "load"])
            try await withController(.init([model])) { controller in
                try await controller.awaitTemplate(of: "alpha")
                let sleeping = Task { try await controller.post("/models/alpha/sleep") }
                try await eventually("it loads") { try await controller.model("alpha").template?.state == "loading" }
                controller.process.send(SIGTERM)
                #expect(try await sleeping.value.error().code == "shutting_down")
                #expect(try await controller.process.waitForEnd() == .status(0))
            }
        }
    }
}

extension Sequence {
    fileprivate func asyncMap<Value>(_ transform: (Element) async throws -> Value) async throws -> [Value] {
        var values: [Value] = []
        for element in self { values.append(try await transform(element)) }
        return values
    }
}
