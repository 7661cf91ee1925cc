import Foundation
import TestSupport
import Testing

extension Integration {
    @Suite struct Endurance {
        @Test func nothingGrowsInManyCycles() async throws {
            try await withController(.init([TestModel("alpha"), TestModel("beta")], templates: false)) { controller in
                func cycle(_ number: Int) async throws {
                    let model = number.isMultiple(of: 2) ? "alpha" : "beta"
                    #expect(
                        try await controller.ask(model, "n\(number)", tokens: 2).succeeded().answer()
                            == "\(model): n\(number)")
                    _ = try await controller.unload(model)
                }
                // What is made once is made in the first.
                for number in 0..<2 { try await cycle(number) }
                // Controller, zygote, front end and core.
                let before = try await controller.usage(atRestWith: 4)
                for number in 0..<30 { try await cycle(number) }
                let after = try await controller.usage(atRestWith: 4)
                // Its own and the client's connections come and go; one that is lost in each cycle would make thirty.
                #expect(after.descriptors < before.descriptors + 10)
            }
        }

        @Test func nothingGrowsWithTemplatesAndSleep() async throws {
            try await withController(.init([TestModel("alpha"), TestModel("beta")])) { controller in
                // Controller, zygote, two templates, and three pairs.
                let processes = 10
                let models = ["alpha", "beta"]
                func ask(_ engine: EngineState, _ number: Int) async throws {
                    let answer = try await controller.ask(engine.model, "n\(number)", tokens: 2).succeeded().answer()
                    #expect(answer == "\(engine.model): n\(number)")
                }
                func unloadCycle(_ number: Int) async throws {
                    let engine = try await controller.load(models[number % 2])
                    #expect(engine.startTier == "warm")
                    try await ask(engine, number)
                    _ = try await controller.unload(engine.model)
                }
                func sleepCycle(_ number: Int) async throws {
                    let engine = try await controller.wake(models[number % 2])
                    #expect(engine.startTier == "asleep")
                    try await ask(engine, number)
                    _ = try await controller.sleep(engine.model)
                }
                for model in models { try await controller.awaitTemplate(of: model) }
                for number in 0..<2 { try await unloadCycle(number) }
                let before = try await controller.usage(atRestWith: processes)
                for number in 0..<100 { try await unloadCycle(number) }
                for model in models { _ = try await controller.sleep(model) }
                for number in 0..<100 { try await sleepCycle(number) }
                let after = try await controller.usage(atRestWith: processes)
                #expect(after.descriptors < before.descriptors + 10)
                #expect(try await controller.engines().isEmpty)
            }
        }

        @Test func logsAreLimited() async throws {
            let limit = 64 << 10
            let setup = ControllerSetup(
                [TestModel("alpha", arguments: ["sim-log-bytes": "\(2 << 20)"])],
                settings: ["logs": "{bytes_per_process: \(limit)}"])
            try await withController(setup) { controller in
                _ = try await controller.load("alpha")
                let core = try #require(try await controller.workers().first { $0.state == "leased" })
                let log = "\(controller.folder.runDirectory)/logs/\(core.id).log"
                // It wrote 2 MiB while it loaded.
                try await eventually("its log is cut") { Self.size(log) + Self.size(log + ".1") <= limit }
                #expect(Self.size(log + ".1") > 0)
                #expect(try await controller.ask("alpha").succeeded()[header: "x-start-tier"] == "hot")
            }
        }

        private static func size(_ file: String) -> Int {
            (try? FileManager.default.attributesOfItem(atPath: file))?[.size] as? Int ?? 0
        }
    }
}

/// What a controller holds, its idle pairs included.
private struct Usage {
    let descriptors: Int
    let processes: Int
    let zombies: Int
    let temporaryFolders: Int
    let records: Int
    let sockets: Int

    /// Of all but the controller there is a record; all but these two, the zygote and it, have a folder.
    func isAtRest(with count: Int) -> Bool {
        (processes, zombies, temporaryFolders, records, sockets) == (count, 0, count - 2, count - 1, 0)
    }
}

extension RunningController {
    fileprivate func usage(atRestWith processes: Int) async throws -> Usage {
        try await eventually("only \(processes) processes are there, and no trace of others") {
            let usage = try usage()
            return usage.isAtRest(with: processes) ? usage : nil
        }
    }

    private func usage() throws -> Usage {
        let processes = folder.processes
        let ours = Set(processes.map(\.pid))
        return Usage(
            descriptors: try openDescriptors(), processes: processes.count,
            zombies: ProcessTable.all().count { $0.state == "Z" && ours.contains($0.parent) },
            temporaryFolders: try entries("t"), records: try entries("processes"), sockets: try entries("f"))
    }

    private func entries(_ name: String) throws -> Int {
        try FileManager.default.contentsOfDirectory(atPath: "\(folder.runDirectory)/\(name)").count
    }
}
