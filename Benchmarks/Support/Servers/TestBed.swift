import Foundation

/// What a run has to start controllers with.
package struct TestBed {
    package struct Programs {
        let controller: String
        package let simulatedRuntime: String
        package let python: String
    }

    package let workspace: Workspace
    package let programs: Programs

    /// Starts a controller with vLLM; it is not ready yet.
    package func begin(_ name: String, _ models: [ControllerConfig.Model]) throws -> RunningController {
        try begin(name, ("python", programs.python), models)
    }

    /// Starts a controller with vLLM and waits until it is ready.
    package func start(_ name: String, _ models: [ControllerConfig.Model]) throws -> RunningController {
        let controller = try begin(name, models)
        try controller.waitUntilReady(for: .seconds(300))
        return controller
    }

    /// Starts a controller with the simulated runtime and waits until it is ready. The simulated runtime reads nothing of its
    /// models' folder, which only passes the controller's look at it.
    ///
    /// - Parameter models: makes them, all of that folder.
    package func startSimulated(
        _ name: String, _ models: (_ folder: String) -> [ControllerConfig.Model]
    ) throws -> RunningController {
        let runtime = ("program", programs.simulatedRuntime)
        let controller = try begin(name, runtime, models(try makeEmptyModel()))
        try controller.waitUntilReady(for: .seconds(60))
        return controller
    }

    private func begin(
        _ name: String, _ runtime: (key: String, path: String), _ models: [ControllerConfig.Model]
    ) throws -> RunningController {
        Commentary.say("starting the controller '\(name)'")
        return try RunningController(
            workspace, name: name, program: programs.controller, runtime: runtime, models: models)
    }

    private func makeEmptyModel() throws -> String {
        let folder = workspace.folder + "/empty-model"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try Data("{}".utf8).write(to: URL(fileURLWithPath: folder + "/config.json"))
        try Data([2, 0, 0, 0, 0, 0, 0, 0] + Array("{}".utf8)).write(
            to: URL(fileURLWithPath: folder + "/model.safetensors"))
        return folder
    }

    /// Of a ready controller's runtime, of torch, and of this project.
    package func versions(of controller: RunningController) throws -> [String: String] {
        var versions = try controller.management.runtimes().first?.versions ?? [:]
        let questions = [
            "commit": ["/usr/bin/env", "git", "describe", "--always", "--dirty", "--abbrev=12"],
            "torch": [programs.python, "-c", "import importlib.metadata as m; print(m.version('torch'))"],
        ]
        for (name, command) in questions {
            guard let answer = ChildProcess.output(of: command, in: workspace.folder) else { continue }
            versions[name] = answer.trimmingCharacters(in: .whitespacesAndNewlines)
        }
        return versions
    }
}
