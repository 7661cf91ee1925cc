import ArgumentParser
import ControllerConfiguration

struct Config: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Works on the config, without a controller.", subcommands: [ConfigCheck.self])

    static let standardPath = "worker-controller.yaml"
}

struct ConfigCheck: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check", abstract: "Says what is wrong in a config, or that nothing is.")

    @Argument(help: "The config.")
    var file = Config.standardPath

    func run() throws {
        let configuration = try Configuration.load(path: file)
        try Terminal.write(
            "\(file): ok, \(Units.count(configuration.models.count, "model")), "
                + "\(Units.count(configuration.runtimes.count, "runtime")), listening on \(configuration.listen)\n")
    }
}
