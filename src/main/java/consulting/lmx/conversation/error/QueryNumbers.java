package consulting.lmx.conversation.error;

import jakarta.ws.rs.QueryParam;
import jakarta.ws.rs.ext.ParamConverter;
import jakarta.ws.rs.ext.ParamConverterProvider;
import jakarta.ws.rs.ext.Provider;
import java.lang.annotation.Annotation;
import java.lang.reflect.Type;
import java.util.Arrays;

/** Reads the whole numbers of a query, and names the one that is none. */
@Provider
public class QueryNumbers implements ParamConverterProvider {

    @Override
    @SuppressWarnings("unchecked")
    public <T> ParamConverter<T> getConverter(Class<T> type, Type genericType, Annotation[] annotations) {
        return type != Integer.class
                ? null
                : Arrays.stream(annotations)
                        .filter(QueryParam.class::isInstance)
                        .findFirst()
                        .map(named -> (ParamConverter<T>) new WholeNumber(((QueryParam) named).value()))
                        .orElse(null);
    }

    private record WholeNumber(String name) implements ParamConverter<Integer> {

        @Override
        public Integer fromString(String value) {
            try {
                return Integer.valueOf(value);
            } catch (NumberFormatException e) {
                throw ServiceException.invalid(name, "must be a whole number of 32 bits");
            }
        }

        @Override
        public String toString(Integer value) {
            return value.toString();
        }
    }
}
