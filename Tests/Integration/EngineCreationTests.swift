import Foundation
import TestSupport
import Testing

extension Integration {
    /// Engines of models that no config names.
    @Suite struct EngineCreation {
        static let small = #""kv_cache_memory_bytes": "16MiB""#

        /// A controller with one configured model, and the folder of another that it is not told of.
        static func withFreeModel(
            _ models: [TestModel] = [TestModel("alpha", settings: ["aliases": "[default]"])],
            settings: [String: String] = [:], _ body: (RunningController) async throws -> Void
        ) async throws {
            try await withController(.init(models, settings: settings)) { controller in
                try ModelFiles.whole.write(to: controller.folder.modelFolder("free"))
                try await body(controller)
            }
        }

        @Test func aModelAloneMakesAnEngine() async throws {
            try await Self.withFreeModel { controller in
                let made: EngineState = try await controller.create(#"{"model": "./models/free"}"#).succeeded()
                    .decoded()
                #expect(made.status == "ready")
                #expect(made.model == "./models/free")
                #expect(made.apiUrl == "\(controller.address)/v1")
                #expect(made.warnings == [])
                #expect(made.assignedRanks.count == 1)
                #expect(made.createTimings?["total_ms"] == made.startMs)
                #expect(made.createTimings?["load_ms"] != nil)
                #expect(made.pids.count == 2)
                #expect(made.pids.allSatisfy(ProcessTable.isAlive))
                let id = made.engineUuid
                #expect(UUID(uuidString: id) != nil)

                // It is reached by its id, and by its model as it was written.
                for name in [id, "./models/free"] {
                    #expect(try await controller.ask(name).succeeded()[header: "x-start-tier"] == "hot")
                }
                #expect(try await controller.engines().map(\.engineUuid) == [id])
                #expect(try await controller.engine(id).pid == made.pid)
                #expect(try await controller.get("/engines/\(id)/load_timings").succeeded().text.contains("kv_cache"))
                #expect(try await controller.openAIModels().map(\.id).contains(id))
                let worker = try #require(try await controller.workers().first { $0.engine == id })
                #expect([worker.rank] == made.assignedRanks)
                #expect(try await controller.command("logs", id).status == 0)
            }
        }

        @Test func itIsAModelLikeAnyOther() async throws {
            try await Self.withFreeModel { controller in
                let body = #"{"engine_uuid": "mine", "model": "./models/free", "swap_space": 4, \#(Self.small)}"#
                let made: EngineState = try await controller.create(body).succeeded().decoded()
                #expect(made.engineUuid == "mine")
                #expect(made.warnings?.count == 1)
                try await controller.awaitTemplate(of: "mine")
                _ = try await controller.unload("mine")
                #expect(try await controller.engine("mine").status == "stopped")
                #expect(try await controller.ask("mine").succeeded()[header: "x-start-tier"] == "warm")
                #expect(try await controller.engine("mine").status == "ready")
                #expect(try await controller.sleep("mine").tier == "asleep")
                #expect(try await controller.engine("mine").status == "asleep")
                #expect(try await controller.wake("mine").engineUuid == "mine")
            }
        }

        @Test func whoeverDoesNotWaitIsAnsweredAtOnce() async throws {
            try await Self.withFreeModel { controller in
                let body = #"{"engine_uuid": "mine", "model": "./models/free", "sim_load_ms": 500, \#(Self.small)}"#
                let reply = try await controller.create(body, query: "?wait=false")
                #expect(reply.status == 202)
                let made: EngineState = try reply.decoded()
                #expect(["queued", "placing", "starting"].contains(made.status))
                #expect(made.createTimings == [:])
                try await eventually("it is ready") { try await controller.engine("mine").status == "ready" }
            }
        }

        @Test func twoEnginesOfOneModelHaveTheirOwnIDs() async throws {
            try await Self.withFreeModel { controller in
                for (id, seed) in [("one", 1), ("two", 2)] {
                    let body = #"{"engine_uuid": "\#(id)", "model": "./models/free", "max_model_len": \#(seed)00}"#
                    let made: EngineState = try await controller.create(body).succeeded().decoded()
                    #expect(made.warnings?.count == (id == "one" ? 0 : 1))
                    #expect(try await controller.ask(id, tokens: 1).status == 200)
                }
                #expect(try await controller.delete("/engines/one").status == 200)
                #expect(try await controller.ask("./models/free").status == 404)
                #expect(try await controller.ask("two", tokens: 1).status == 200)
            }
        }

        @Test func aTakenIDIsRefused() async throws {
            try await Self.withFreeModel { controller in
                let body = { (id: String) in #"{"engine_uuid": "\#(id)", "model": "./models/free", \#(Self.small)}"# }
                _ = try await controller.create(body("mine")).succeeded()
                for id in ["mine", "alpha", "default", "./models/free"] {
                    let reply = try await controller.create(body(id))
                    #expect(reply.status == 409)
                    #expect(try reply.error().code == "conflict")
                }
                #expect(try await controller.engines().map(\.engineUuid) == ["mine"])
            }
        }

        @Test(arguments: [
            ("", 400, "not JSON"), ("[]", 400, "no object"), ("{}", 422, "There is no model"),
            (#"{"model": "./models/none"}"#, 422, "/models/none does not exist"),
            (#"{"model": "./models/free", "pipeline_parallel_size": 2}"#, 422, "pipeline_parallel_size"),
            (#"{"model": "./models/free", "tensor_parallel_size": 65}"#, 422, "from 1 to 64"),
            (#"{"model": "./models/free", "port": 80}"#, 422, "decided by the controller"),
            (#"{"model": "./models/free", "trust_remote_code": true}"#, 422, "allow_trust_remote_code"),
            (#"{"model": "./models/free", "max_modle_len": 5}"#, 422, "unknown argument 'max-modle-len'"),
            (#"{"model": "./models/free", "sim_load_ms": "soon"}"#, 422, "argument 'sim-load-ms'"),
            (#"{"model": "./models/free", "kv_cache_memory_bytes": "20GiB"}"#, 422, "cpu:0 has 16384 MiB"),
        ])
        func whatCannotBeMakesNothing(body: String, status: Int, words: String) async throws {
            try await Self.withFreeModel { controller in
                let reply = try await controller.create(body)
                #expect(reply.status == status)
                #expect(try reply.error().message.contains(words))
                #expect(try await controller.engines().isEmpty)
                #expect(try await controller.models().map(\.name) == ["alpha"])
            }
        }

        @Test func aFullDeviceIsAConflictWithTheSum() async throws {
            let alpha = TestModel(
                "alpha", arguments: ["sim-tokens-per-second": "20", "sim-memory-bytes": "\(300 << 20)"])
            try await Self.withFreeModel([alpha], settings: Scheduling.smallDevice) { controller in
                var stream = try await controller.stream("alpha", "a", tokens: 21)
                #expect(try await stream.nextToken() == "alpha:")
                let body = #"{"engine_uuid": "mine", "model": "./models/free", \#(Self.small)}"#
                let reply = try await controller.create(body)
                #expect(reply.status == 409)
                #expect(try reply.error().message.contains("cpu:0 has 640 MiB, of which models that are busy"))
                #expect(try await controller.get("/engines/mine").status == 404)
                _ = try await stream.rest()
                // An idle one makes room.
                _ = try await controller.create(body).succeeded()
                #expect(try await controller.engines().map(\.engineUuid) == ["mine"])
            }
        }
    }
}
