import Foundation

extension Configuration {
    /// Reads a configuration file.
    ///
    /// - Parameter path: absolute, or relative to the current directory.
    /// - Throws: every mistake that was found; one without a line if the file itself cannot be read.
    public static func load(path: String) throws(ConfigurationErrors) -> Configuration {
        let file = PathResolver(folder: FileManager.default.currentDirectoryPath).absolute(path)
        let diagnostics = Diagnostics(file: file)
        guard let text = diagnostics.text(ofFile: file) else { throw diagnostics.failure }
        return try parse(text, file: file)
    }
}

extension Diagnostics {
    /// The file's text; nil, and a mistake noted, if there is none to be had.
    fileprivate func text(ofFile path: String) -> String? {
        guard FileManager.default.fileExists(atPath: path) else {
            report(
                nil, "there is no such file",
                "write one (the smallest is 'models: {my-model: {path: FOLDER_OR_HUB_ID}}'; worker-controller.yaml "
                    + "in the source tree is an example), or name another")
            return nil
        }
        let bytes: Data
        do {
            let handle = try FileHandle(forReadingFrom: URL(fileURLWithPath: path))
            defer { try? handle.close() }
            bytes = try handle.read(upToCount: Configuration.largestFile + 1) ?? Data()
        } catch {
            report(nil, "it cannot be read: \(error.localizedDescription)", "name a readable file")
            return nil
        }
        guard bytes.count <= Configuration.largestFile else {
            report(nil, "it is larger than 1 MiB", "name a configuration file; no real one is that large")
            return nil
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            report(nil, "it is not UTF-8 text", "save it as UTF-8")
            return nil
        }
        return text
    }
}
