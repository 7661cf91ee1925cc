import Foundation
import TestSupport
import Testing

extension Faults {
    @Suite struct Runtimes {
        @Test func aZygoteThatDies() async throws {
            let models = [
                TestModel("alpha", arguments: ["sim-tokens-per-second": "20"]), TestModel("beta"), TestModel("gamma"),
            ]
            try await withController(.init(models, templates: false)) { controller in
                var stream = try await controller.stream("alpha", "a", tokens: 41)
                #expect(try await stream.nextToken() == "alpha:")
                let engine = try await controller.engine(of: "alpha")
                let zygote = try #require(try await controller.runtime().pid)
                try ProcessTable.kill(zygote)
                let next = try await eventually("another zygote is ready") {
                    let runtime = try await controller.runtime()
                    return runtime.state == "ready" && runtime.pid != zygote ? runtime.pid : nil
                }
                // New models load: with the idle processes of the old one, and with those of the new one.
                for model in ["beta", "gamma"] {
                    #expect(try await controller.ask(model).succeeded()[header: "x-start-tier"] == "cold")
                }
                // The engine never noticed.
                #expect(try await stream.rest() == Array(repeating: .token(" a"), count: 40) + [.done])
                #expect(try await controller.engine(of: "alpha").pids == engine.pids)
                #expect(try await controller.ask("alpha").succeeded()[header: "x-start-tier"] == "hot")
                #expect(try await controller.health().status == "healthy")

                // Its orphans are ended and reaped like all others.
                _ = try await controller.unload("alpha")
                try await controller.expectGone(engine)
                let ours = [controller.process.pid, next]
                try await eventually("no zombie is left") {
                    !ProcessTable.all().contains { $0.state == "Z" && ours.contains($0.parent) }
                }
            }
        }

        @Test func aRuntimeThatCannotStart() async throws {
            let setup = ControllerSetup([TestModel("alpha")], environment: ["SIM_ZYGOTE_FAIL": "1"])
            try await withController(setup) { controller in
                try await eventually("it is known") { try await controller.health().status == "down" }
                #expect(try await controller.health().reasons?.first?.contains("sim") == true)
                let reply = try await controller.ask("alpha")
                #expect(reply.status == 503)
                let error = try reply.error()
                #expect(error.code == "start_failed")
                #expect(error.message.contains("its runtime 'sim' failed"))
                #expect(error.message.contains("SIM_ZYGOTE_FAIL is set"))
                #expect(controller.process.exitNow == nil)
                #expect(try await controller.models().map(\.name) == ["alpha"])
            }
        }

        @Test func aRuntimeThatIsNotThere() async throws {
            let program = "/nowhere/simulated-runtime"
            let setup = ControllerSetup([TestModel("alpha", settings: ["runtime": "sim"])])
            try await withControllerFolder(setup) { folder in
                let config = try String(contentsOfFile: folder.config, encoding: .utf8)
                    .replacingOccurrences(of: Binaries.simulatedRuntime, with: program)
                try Data(config.utf8).write(to: URL(fileURLWithPath: folder.config))
                let controller = try await folder.start()
                let reply = try await controller.ask("alpha")
                #expect(reply.status == 503)
                #expect(try reply.error().message.contains(program))
                try await controller.stop()
                try folder.expectNothingLeft()
            }
        }

        @Test(arguments: [("SIM_FORK_FAIL", "SIM_FORK_FAIL is set"), ("SIM_IDLE_CRASH", "ended with status 1")])
        func aRuntimeThatMakesNoProcesses(variable: String, reason: String) async throws {
            try await withController(.init([TestModel("alpha")], environment: [variable: "1"])) { controller in
                let reply = try await controller.ask("alpha")
                #expect(reply.status == 503)
                #expect(try reply.error().code == "start_failed")
                #expect(try reply.error().message.contains(reason), "\(reply.text)")
                #expect(try await controller.runtime().state == "ready")
            }
        }

        @Test func aZygoteThatHangsIsReplaced() async throws {
            let models = ["alpha", "beta", "gamma"].map { TestModel($0) }
            try await withController(.init(models, templates: false)) { controller in
                let engine = try await controller.load("alpha")
                try await eventually("the pool is full") {
                    try await controller.workers().contains { $0.state == "idle" }
                }
                let zygote = try #require(try await controller.runtime().pid)
                try ProcessTable.stop(zygote)
                // The idle pair serves this one; the next needs a zygote that answers.
                _ = try await controller.load("beta")
                #expect(try await controller.ask("gamma").succeeded().answer() == "gamma: one two")
                #expect(try await controller.runtime().pid != zygote)
                #expect(try await controller.engine(of: "alpha").pids == engine.pids)
            }
        }

        /// What a runtime's processes start themselves is nobody's when they die, and must not stay as zombies.
        @Test func orphansAreReaped() async throws {
            try await withControllerFolder(.init([TestModel("alpha")])) { folder in
                let script = folder.path + "/runtime"
                let text = "#!/bin/sh\nsleep 7 &\nexec \(Binaries.simulatedRuntime) \"$@\"\n"
                try Data(text.utf8).write(to: URL(fileURLWithPath: script))
                try FileManager.default.setAttributes([.posixPermissions: 0o700], ofItemAtPath: script)
                let config = try String(contentsOfFile: folder.config, encoding: .utf8)
                    .replacingOccurrences(of: Binaries.simulatedRuntime, with: script)
                try Data(config.utf8).write(to: URL(fileURLWithPath: folder.config))
                let controller = try await folder.start()
                let zygote = try await eventually("there is a zygote") {
                    let runtime = try await controller.runtime()
                    return runtime.state == "ready" ? runtime.pid : nil
                }
                try ProcessTable.kill(zygote)
                let orphan = try await eventually("the controller has an orphan") {
                    ProcessTable.all().first { $0.parent == controller.process.pid && $0.command == ["sleep", "7"] }?
                        .pid
                }
                try await eventually("it is reaped") { !ProcessTable.all().contains { $0.pid == orphan } }
                try await controller.stop()
                try folder.expectNothingLeft()
            }
        }

        @Test func aRuntimeOfAnotherProtocol() async throws {
            try await withController(.init([TestModel("alpha")], environment: ["SIM_HELLO_VERSION": "2"])) {
                controller in
                let reply = try await controller.ask("alpha")
                #expect(reply.status == 503)
                #expect(try reply.error().message.contains("Protocol 2 is not spoken here"), "\(reply.text)")
            }
        }
    }
}
