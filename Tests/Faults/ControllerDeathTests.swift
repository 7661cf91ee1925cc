import Foundation
import TestSupport
import Testing

extension Faults {
    @Suite struct ControllerDeaths {
        @Test func theNextOneStartsCleanly() async throws {
            let models = [TestModel("alpha"), TestModel("beta", arguments: ["sim-hang-at": "load"])]
            try await withControllerFolder(.init(models, templates: false)) { folder in
                let first = try await folder.start()
                let alpha = try await first.load("alpha")
                let loading = Task { try await first.ask("beta") }
                try await eventually("beta loads") { try await first.engines().last?.state == "starting" }
                try await eventually("a worker is idle") { try await first.workers().contains { $0.state == "idle" } }
                try await first.killAtOnce()
                await #expect(throws: (any Error).self) { try await loading.value }

                // Zygote, two engines, and an idle pair at least in part: none is bound to the controller.
                let survivors = folder.processes
                #expect(survivors.count >= 6)
                #expect(alpha.pids.allSatisfy(ProcessTable.isAlive))

                let second = try await folder.start()
                #expect(survivors.allSatisfy { !ProcessTable.isAlive($0.pid) })
                #expect(second.process.errorText.contains("epoch=2"))
                #expect(try await second.ask("alpha").succeeded()[header: "x-start-tier"] == "cold")
                #expect(try await second.engines().count == 1)
                try await second.stop()
                try folder.expectNothingLeft()
            }
        }

        @Test func manyTimesInARow() async throws {
            try await withControllerFolder(.init([TestModel("alpha")])) { folder in
                for number in 0..<6 {
                    // At several moments of its start: that is the point, so there is no event to wait for.
                    let controller = try folder.serve()
                    _ = try await controller.waitForError(containing: "zygote started")
                    try await Task.sleep(for: .milliseconds(25 * number))
                    controller.send(SIGKILL)
                    _ = try await controller.waitForEnd()
                }
                let last = try await folder.start()
                _ = try await last.ask("alpha").succeeded()
                // Those that no record names dial in, and are ended then.
                try await eventually("only its own processes are there") {
                    folder.processes.allSatisfy { process in
                        guard let option = process.command.firstIndex(of: "--epoch") else { return true }
                        return process.command[option + 1] == "7"
                    }
                }
                try await last.stop()
                try folder.expectNothingLeft()
            }
        }

        @Test func withNoNextOneAllEndsByItself() async throws {
            let setup = ControllerSetup([TestModel("alpha")], settings: ["orphan_timeout": "1500ms"])
            try await withControllerFolder(setup) { folder in
                let controller = try await folder.start()
                _ = try await controller.load("alpha")
                try await controller.killAtOnce()
                #expect(!folder.processes.isEmpty)
                try await eventually("all have ended") { folder.processes.isEmpty }
                // What they left is the next one's to sweep.
                let next = try await folder.start()
                try await next.stop()
                try folder.expectNothingLeft()
            }
        }

        @Test func aSecondOneInTheSameRunDirectory() async throws {
            try await withController(.init([TestModel("alpha")])) { controller in
                let engine = try await controller.load("alpha")
                let second = try controller.folder.serve()
                #expect(try await second.waitForEnd() == .status(1))
                #expect(second.errorText.contains("Another controller (pid \(controller.process.pid))"))
                #expect(second.errorText.contains("run_directory"))
                // The first one has lost nothing.
                #expect(try await controller.ask("alpha").succeeded()[header: "x-start-tier"] == "hot")
                #expect(try await controller.engine(of: "alpha").pids == engine.pids)
                _ = try await controller.unload("alpha")
                _ = try await controller.ask("alpha").succeeded()
            }
        }

        @Test func aPortInUse() async throws {
            try await withController(.init([TestModel("alpha")])) { controller in
                let address = controller.address.replacingOccurrences(of: "http://", with: "")
                let setup = ControllerSetup([TestModel("alpha")], settings: ["listen": address])
                try await withControllerFolder(setup) { folder in
                    let second = try folder.serve()
                    #expect(try await second.waitForEnd() == .status(1))
                    #expect(second.errorText.contains("Cannot listen on \(address)"))
                    #expect(second.errorText.contains("'listen'"))
                    try folder.expectNothingLeft()
                }
            }
        }

        @Test func mistakesInTheConfig() async throws {
            try await withControllerFolder(.init([TestModel("alpha")], settings: ["orphan_timeot": "3s"])) { folder in
                let process = try folder.serve()
                #expect(try await process.waitForEnd() == .status(5))
                let line = try #require(
                    try String(contentsOfFile: folder.config, encoding: .utf8).split(separator: "\n")
                        .firstIndex { $0.hasPrefix("orphan_timeot") })
                #expect(process.errorText.hasPrefix("\(folder.config):\(line + 1): "))
                #expect(process.errorText.contains("orphan_timeout"))
                #expect(!FileManager.default.fileExists(atPath: folder.runDirectory))
            }
        }
    }
}
