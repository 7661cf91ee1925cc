import TestSupport
import Testing

extension Integration {
    @Suite struct FailedStart {
        @Test func allWhoWaitAreToldWhyAndTheNextTryComesAfterAPause() async throws {
            let model = TestModel("alpha", arguments: ["sim-load-ms": "300", "sim-fail-at": "kv_cache"])
            try await withController(.init([model])) { controller in
                let requests = (0..<3).map { _ in Task { try await controller.ask("alpha") } }
                for request in requests {
                    let reply = try await request.value
                    #expect(reply.status == 503)
                    let error = try reply.error()
                    #expect(error.code == "start_failed")
                    #expect(error.message.contains("sim-fail-at: kv_cache"))
                    // The last lines of the engine's own log.
                    #expect(error.message.contains("the start failed stage=kv_cache"))
                }
                #expect(try await controller.model("alpha").lastError?.contains("kv_cache") == true)

                let paused = try await controller.ask("alpha")
                #expect(paused.status == 503)
                #expect(try paused.error().code == "backing_off")
                #expect(try paused.error().message.contains("sim-fail-at: kv_cache"))
                #expect(paused[header: "retry-after"] == "1")

                try await eventually("it is tried again") {
                    try await controller.ask("alpha").error().code == "start_failed"
                }
            }
        }

        @Test func aModelThatWasMendedWorks() async throws {
            try await withController(.init([TestModel("alpha", files: .missing)], templates: false)) { controller in
                #expect(try await controller.ask("alpha").error().code == "start_failed")
                try ModelFiles.whole.write(to: controller.folder.modelFolder("alpha"))
                let reply = try await eventually("it is tried again") {
                    let reply = try await controller.ask("alpha")
                    return reply.status == 200 ? reply : nil
                }
                #expect(reply[header: "x-start-tier"] == "cold")
                #expect(try await controller.model("alpha").lastError == nil)
            }
        }

        @Test func aStartThatHangsIsEnded() async throws {
            let model = TestModel("alpha", settings: ["start_timeout": "700ms"], arguments: ["sim-hang-at": "warm_up"])
            try await withController(.init([model])) { controller in
                let reply = try await controller.ask("alpha")
                #expect(reply.status == 503)
                let error = try reply.error()
                #expect(error.code == "start_failed")
                #expect(error.message.contains("start_timeout"))
                #expect(error.message.contains("the last stage that ended was"))
                #expect(error.message.contains("hanging stage=warm_up"))
                try await eventually("its processes are gone") { try await controller.engines().isEmpty }
            }
        }

        @Test func anArgumentThatTheRuntimeDoesNotKnow() async throws {
            try await withController(.init([TestModel("alpha", arguments: ["no-such-thing": "1"])])) { controller in
                let error = try await controller.ask("alpha").error()
                #expect(error.message.contains("no-such-thing"))
            }
        }
    }
}
